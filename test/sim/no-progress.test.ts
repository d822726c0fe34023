import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { addMs } from '../../src/base/time.ts'
import type { LinkQuality } from '../../src/config/link-quality.ts'
import type { TimelineAction } from '../../src/config/timeline.ts'
import { Lab, type LabResult } from '../../src/lab/lab.ts'
import { resultLines } from '../../src/lab/timeline.ts'
import { World } from '../../src/lab/world.ts'
import { earthMoon } from '../support/lab.ts'

const DAY_MS = 86_400_000
const LINK = { between: ['earth', 'moon'] } as const

/** A mail is submitted after a minute, and this happens. */
async function played(
  actions: readonly (readonly [atSec: number, action: TimelineAction])[],
  link: Partial<LinkQuality> = {},
): Promise<LabResult & { readonly endedAt: number }> {
  const scenario = earthMoon()
  const mail = {
    name: 'first',
    from: 'user@mail-1.a.com',
    to: ['user@mail-2.a.com'],
    sizeBytes: 300,
  }
  const timeline = [[60, { type: 'submit', mail }] as const, ...actions].map(([atSec, action]) => ({
    atMs: atSec * 1000,
    action,
  }))
  const links = scenario.links.map((one) => ({ ...one, ...link }))
  const lab = new Lab(
    { ...scenario, links, timeline },
    { settle: () => setImmediate(), onEvent: () => {} },
  )
  await lab.start()
  const result = await lab.play()
  const endedAt = lab.world.now()
  await lab.stop()
  return { ...result, endedAt }
}

test.each([
  [
    'a host that gets no power any more',
    [[30, { type: 'kill', host: 'mail-2.a.com' }]],
    {},
    'mail-2.a.com has no power, and gets none any more',
  ],
  [
    'its own host without power',
    [[60.2, { type: 'kill', host: 'mail-1.a.com' }]],
    {},
    'mail-1.a.com has no power, and gets none any more',
  ],
  [
    'a link that stays down',
    [[30, { type: 'link-down', link: LINK }]],
    {},
    'the link from earth to moon is down, and comes up no more',
  ],
  [
    'a way back that stays down',
    [
      [
        30,
        {
          type: 'link-change',
          link: { between: ['moon', 'earth'], oneWay: true },
          change: { lossShare: 1 },
        },
      ],
    ],
    {},
    'the link from moon to earth loses everything',
  ],
  [
    'a link after its last contact',
    [],
    { contacts: [{ fromMs: 0, untilMs: 50_000 }] },
    'the link from earth to moon has no contact any more',
  ],
] as const)('what waits for %s is told, and not waited for', async (_, actions, link, reason) => {
  const { stuck, endedAt } = await played(actions, link)
  expect(stuck).toEqual([
    {
      host: 'mail-1.a.com',
      queueId: expect.any(String),
      recipient: 'user@mail-2.a.com',
      reason,
    },
  ])
  const kept = /^mail-1\.a\.com keeps \w+ for <user@mail-2\.a\.com> for ever: /
  const [line = ''] = resultLines({ outcomes: [], stuck })
  expect(line).toMatch(kept)
  expect(line.replace(kept, '')).toBe(reason)
  // The queue would go on for five days.
  expect(endedAt).toBeLessThan(DAY_MS / 24)
})

test('what may still come about is waited for', async () => {
  const { stuck, outcomes } = await played([
    [30, { type: 'link-down', link: LINK }],
    [30, { type: 'kill', host: 'mail-2.a.com' }],
    [7200, { type: 'link-up', link: LINK }],
    [9000, { type: 'start', host: 'mail-2.a.com' }],
  ])
  expect(stuck).toEqual([])
  expect(outcomes.every(({ ok }) => ok)).toBe(true)
})

test('mail in a queue on a disk that was wiped waits no more', async () => {
  const { stuck } = await played([
    [30, { type: 'link-down', link: LINK }],
    [90, { type: 'wipe', host: 'mail-1.a.com' }],
  ])
  expect(stuck).toEqual([])
})

test('a world in which time stands still is given up soon, and says who is busy', async () => {
  const world = new World({ settle: () => Promise.resolve(), eventsAtOnceMax: 1000 })
  const again = (): void => {
    world.at(world.now(), again, { name: 'mail-1' })
  }
  again()
  await expect(world.run()).rejects.toMatchObject({
    code: 'lab/too-many-events',
    message: 'time stood still for 1000 events, at 0 ms: lately of mail-1 (1001)',
  })
})

test('a world without rest is given up, and says who is busy', async () => {
  const world = new World({ settle: () => Promise.resolve(), eventsMax: 1000 })
  let turn = 0
  const again = (): void => {
    const owner = turn++ % 4 === 0 ? { name: 'mail-2' } : undefined
    world.at(addMs(world.now(), 1), again, owner)
  }
  again()
  await expect(world.run()).rejects.toMatchObject({
    code: 'lab/too-many-events',
    message: expect.stringMatching(
      /^the world did not come to rest within 1000 events, at 1001 ms: lately of the network \(75\d\), mail-2 \(25\d\)$/,
    ),
  })
})
