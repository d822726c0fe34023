import { expect, test } from 'vitest'
import { seededRandom } from '../../src/base/random.ts'
import { type ServedHost, ServedPair } from '../support/served.ts'

const KILLS = 24
/** Most lines of its log that a process may write before it is killed. */
const LINES_MAX = 40

test('processes killed at random moments lose nothing answered 250 and deliver nothing twice', async () => {
  const random = seededRandom(20261123)
  const pair = await ServedPair.make((text) => text.replace('oneWayDelay: 500ms', 'oneWayDelay: 0'))
  const [mail1, mail2] = pair.hosts
  const answered = new Set<string>()
  try {
    await pair.start()
    let stopped = false
    let count = 0
    const sender = async (from: ServedHost, domain: string): Promise<void> => {
      while (!stopped) {
        await from.up
        const body = `mail ${count++} for ${domain}`
        const message = `Subject: ${body}\r\n\r\n${body}\r\n`
        if (await from.submit(message, domain)) answered.add(body)
      }
    }
    // Across the gap both ways, and straight into a mailbox.
    const senders = [
      sender(mail1, 'mail-2.a.com'),
      sender(mail2, 'mail-1.a.com'),
      sender(mail2, 'mail-2.a.com'),
    ]
    for (let kills = 0; kills < KILLS; kills++) {
      const victim = random.next() < 0.5 ? mail1 : mail2
      let lines = Math.ceil(random.next() * LINES_MAX)
      await victim.until(() => --lines === 0)
      await victim.kill()
      await victim.start()
    }
    stopped = true
    await Promise.all(senders)
    // Until neither queue has anything left, and so nothing can be sent again.
    for (let left = await leftAfterStop(pair); left > 0; left = await leftAfterStop(pair)) {
      const allRemoved = new Promise<void>((resolve) => {
        for (const host of pair.hosts) {
          void host.until((line) => {
            if (line.endsWith(': removed') && --left === 0) resolve()
            return left <= 0
          })
        }
      })
      await pair.start()
      await allRemoved
    }
    const bodies = [...mail1.mails(), ...mail2.mails()].map(bodyOf)
    expect([...answered].filter((body) => !bodies.includes(body))).toEqual([])
    expect(bodies.length).toBe(new Set(bodies).size)
    expect(answered.size).toBeGreaterThan(KILLS)
  } finally {
    await pair.dispose()
  }
})

/** Stops both, as an operator does; how many mails their queues hold. */
async function leftAfterStop({ hosts }: ServedPair): Promise<number> {
  for (const host of hosts) expect(await host.stop()).toBe(0)
  const lengths = await Promise.all(hosts.map((host) => host.queueLength()))
  return lengths.reduce((sum, length) => sum + length, 0)
}

function bodyOf(mail: string): string {
  return mail.slice(mail.indexOf('\r\n\r\n')).trim()
}
