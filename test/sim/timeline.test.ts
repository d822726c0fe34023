import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Claim, TimelineAction, TimelineEvent } from '../../src/config/timeline.ts'
import { Lab } from '../../src/lab/lab.ts'
import { earthMoon } from '../support/lab.ts'

const LINK = { between: ['earth', 'moon'] } as const

function submit(
  name: string,
  to = 'user@mail-2.a.com',
  from = 'user@mail-1.a.com',
): TimelineAction {
  return { type: 'submit', mail: { name, from, to: [to], sizeBytes: 300 } }
}

function assert(claim: Claim): TimelineAction {
  return { type: 'assert', claim }
}

const delivered = (mail: string): TimelineAction => assert({ type: 'delivered', mail })
const notDelivered = (mail: string): TimelineAction => assert({ type: 'not-delivered', mail })

/** What came of each event, as said by its outcome. */
async function played(
  events: readonly (readonly [atSec: number, action: TimelineAction])[],
): Promise<{ readonly lab: Lab; readonly told: readonly (readonly [boolean, string])[] }> {
  const timeline = events.map(([atSec, action]): TimelineEvent => ({ atMs: atSec * 1000, action }))
  const lab = new Lab(
    { ...earthMoon(), timeline },
    { settle: () => setImmediate(), onEvent: () => {} },
  )
  await lab.start()
  const { outcomes } = await lab.play()
  await lab.stop()
  return { lab, told: outcomes.map(({ ok, text }) => [ok, text]) }
}

test('a mail is submitted, crosses the link, and claims about it are looked up in the mailboxes', async () => {
  const { told } = await played([
    [1, submit('first')],
    [1.2, notDelivered('first')],
    [1.3, delivered('first')],
    [60, delivered('first')],
    [60, assert({ type: 'count', mailbox: 'user@mail-2.a.com', count: 1 })],
    [60, assert({ type: 'count', mailbox: 'user@mail-1.a.com', count: 3 })],
    [60, notDelivered('first')],
  ])
  expect(told).toEqual([
    [true, expect.stringMatching(/^mail first was taken: .*queued as/)],
    [true, 'mail first is not delivered'],
    [false, 'mail first is delivered? It is 0 times in the mailbox of user@mail-2.a.com'],
    [true, 'mail first is delivered'],
    [true, 'user@mail-2.a.com has 1 mails'],
    [false, 'user@mail-1.a.com has 0 mails, not 3'],
    [false, 'mail first is not delivered? It is 1 times in the mailbox of user@mail-2.a.com'],
  ])
})

test('a link goes down, changes in one direction, and comes up again', async () => {
  const { lab, told } = await played([
    [1, { type: 'link-down', link: LINK }],
    [2, submit('first')],
    [600, notDelivered('first')],
    [600, { type: 'link-up', link: LINK }],
    [
      601,
      { type: 'link-change', link: { ...LINK, oneWay: true }, change: { oneWayDelayMs: 7000 } },
    ],
    [3600, delivered('first')],
  ])
  expect(told.every(([ok]) => ok)).toBe(true)
  expect(lab.network.link('earth', 'moon').quality.oneWayDelayMs).toBe(7000)
  expect(lab.network.link('moon', 'earth').quality.oneWayDelayMs).toBe(500)
})

test('a host without power keeps what was durable, a wiped one nothing', async () => {
  const { told } = await played([
    [1, { type: 'kill', host: 'mail-2.a.com' }],
    [2, submit('first')],
    [100, delivered('first')],
    [100, submit('answer', 'user@mail-1.a.com', 'user@mail-2.a.com')],
    [200, { type: 'start', host: 'mail-2.a.com' }],
    [200, { type: 'start', host: 'mail-1.a.com' }],
    [7200, delivered('first')],
    [7200, { type: 'restart', host: 'mail-2.a.com' }],
    [7260, delivered('first')],
    [7260, { type: 'wipe', host: 'mail-2.a.com' }],
    [7300, notDelivered('first')],
  ])
  expect(told).toEqual([
    [true, 'mail-2.a.com: kill'],
    [true, expect.stringMatching(/^mail first was taken/)],
    [false, 'mail-2.a.com is off, and user@mail-2.a.com with it'],
    [false, 'mail-2.a.com is off, and user@mail-2.a.com with it'],
    [false, 'mail-1.a.com is on already'],
    [true, 'mail-2.a.com: start'],
    [true, 'mail first is delivered'],
    [true, 'mail-2.a.com: restart'],
    [true, 'mail first is delivered'],
    [true, 'mail-2.a.com: wipe'],
    [true, 'mail first is not delivered'],
  ])
})

test('what a host was doing when it lost its power has failed, and nobody waits for it', async () => {
  const { lab, told } = await played([
    [1, submit('first')],
    [1, { type: 'kill', host: 'mail-1.a.com' }],
  ])
  expect(told).toEqual([
    [false, 'mail-1.a.com lost its power'],
    [true, 'mail-1.a.com: kill'],
  ])
  expect(lab.world.now()).toBeLessThan(10_000)
})

test('a timeline that is played twice with one seed makes the same packets', async () => {
  const events = [
    [1, submit('first')],
    [1.4, { type: 'restart', host: 'mail-2.a.com' }],
    [600, delivered('first')],
  ] as const
  const [one, two] = [await played(events), await played(events)]
  expect(one.lab.network.capture.hash()).toBe(two.lab.network.capture.hash())
  expect(one.told).toEqual(two.told)
})
