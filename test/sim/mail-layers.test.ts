import { expect, test } from 'vitest'
import { seededRandom } from '../../src/base/random.ts'
import { earthMoon, mailOf, TestLab } from '../support/lab.ts'

const LAYERS = ['tcp', 'stcp', 'mtcp'] as const
/** Mail is tried again after minutes; keepalives go on for as long as anybody looks. */
const LONG_MS = 4 * 3_600_000

test.each(LAYERS)('mail crosses over %s, and is answered', async (protocol) => {
  const lab = await TestLab.start(earthMoon({ protocol, oneWayDelayMs: 5000 }))
  await lab.submitted(lab.mail1, mailOf('there'))
  await lab.until('mail-removed', 2)
  await lab.submitted(lab.mail2, mailOf('and back'))
  await lab.until('mail-removed', 4)
  expect(await lab.maildrop(lab.mail2)).toEqual([expect.stringContaining(mailOf('there'))])
  expect(await lab.maildrop(lab.mail1)).toEqual([expect.stringContaining(mailOf('and back'))])
  expect(lab.lab.network.capture.packets.filter((packet) => packet.protocol === 'udp')).toEqual([])
  await lab.lab.stop()
})

test.each(LAYERS)(
  'whenever either host loses power, what was answered 250 arrives exactly once over %s',
  async (protocol) => {
    for (let seed = 1; seed <= 8; seed++) {
      const random = seededRandom(seed)
      const lab = await TestLab.start(earthMoon({ protocol, seed, loss: 0.1 }))
      const answered: string[] = []
      for (let i = 0; i < 3; i++) {
        const body = `mail ${i} of seed ${seed}`
        void lab.submit(lab.mail1, mailOf(body)).then(
          () => answered.push(body),
          () => {},
        )
        await lab.runFor(random.next() * (i % 2 === 0 ? 8 : 3000))
        await lab.lab.perform((random.next() < 0.5 ? lab.mail1 : lab.mail2).crash())
      }
      await lab.runFor(LONG_MS)
      const maildrop = await lab.maildrop(lab.mail2)
      for (const body of answered) {
        expect(
          maildrop.filter((mail) => mail.includes(body)),
          body,
        ).toHaveLength(1)
      }
    }
  },
)
