import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { seededRandom } from '../../src/base/random.ts'
import { type ServedHost, ServedPair } from '../support/served.ts'
import { SmtpSender } from '../support/smtp-sender.ts'

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

const MAILS = 10_000
const RELAY_KILLS = 100
const SENDERS = 10
/** Replies to clients from one kill to the next: four for each mail. */
const REPLIES_MAX = (2 * 4 * MAILS) / RELAY_KILLS
/** Attempts that one host has under way to another, each of which may lose its final reply. */
const ATTEMPTS_MAX = 20
/** Looks at a queue that is to run empty; each takes half a second. */
const TRIES_MAX = 120
const LOCAL = 'user@mail-1.a.com'
const RELAYED = 'relayed@mail-1.a.com'

test('10,000 mails, local and relayed, all arrive though their servers are killed 100 times', async () => {
  const random = seededRandom(20261124)
  const pair = await ServedPair.make()
  const [mail1, mail2] = pair.hosts
  relayBySmtp(pair)
  const answered: Record<string, Set<string>> = { [LOCAL]: new Set(), [RELAYED]: new Set() }
  const count = (): number => Object.values(answered).reduce((sum, { size }) => sum + size, 0)
  let isOver = false
  let repliesLeft = REPLIES_MAX
  let onReplies = (): void => {}
  const onReply = (): void => {
    if (--repliesLeft === 0) onReplies()
  }
  let number = 0
  const sender = async (): Promise<void> => {
    while (!isOver) {
      await mail1.up
      let connection: SmtpSender | undefined
      try {
        connection = await SmtpSender.open(mail1.ports.smtp, onReply)
        while (!isOver) {
          const to = number % 2 === 0 ? LOCAL : RELAYED
          const body = `mail ${number++} for ${to}`
          await connection.send(to, body)
          answered[to]?.add(body)
        }
      } catch {
        // Killed: what was not answered may arrive or not.
      }
      connection?.close()
    }
  }
  try {
    await pair.start()
    const senders = Array.from({ length: SENDERS }, sender)
    for (let kills = 0; kills < RELAY_KILLS || count() < MAILS; kills++) {
      const victim = random.next() < 0.5 ? mail1 : mail2
      repliesLeft = Math.ceil(random.next() * REPLIES_MAX)
      await new Promise<void>((resolve) => {
        onReplies = resolve
      })
      if (kills >= RELAY_KILLS) continue
      await victim.kill()
      await victim.start()
    }
    isOver = true
    await Promise.all(senders)
    for (let i = 0; i < TRIES_MAX && !isQueueEmpty(pair); i++) {
      lightlag(pair, 'queue', 'requeue', '--all')
    }
    expect(isQueueEmpty(pair)).toBe(true)

    const local = mail1.mails().map(bodyOf)
    const relayed = mail2.mails().map(bodyOf)
    expect(missing(answered[LOCAL], local)).toEqual([])
    expect(missing(answered[RELAYED], relayed)).toEqual([])
    const doubled = relayed.length - new Set(relayed).size
    process.stdout.write(
      `${count()} mails answered 250, ${RELAY_KILLS} kills: none lost; twice: ${local.length - new Set(local).size} local, ${doubled} relayed\n`,
    )
    // A mailbox of ours gets each once. Over SMTP the final reply may be lost. RFC 5321 §4.5.3.2.6.
    expect(local.length).toBe(new Set(local).size)
    expect(doubled).toBeLessThanOrEqual(RELAY_KILLS * ATTEMPTS_MAX)
    // None was sent again that was known to have been taken.
    const sent = mail1.lines
      .filter((line) => /lightlag\/smtp\[.*status=sent/.test(line))
      .map((line) => /: ([0-9A-Z]{16}): /.exec(line)?.[1])
    expect(sent.length).toBeGreaterThan(MAILS / 4)
    expect(sent.length).toBe(new Set(sent).size)
  } finally {
    isOver = true
    await pair.dispose()
  }
})

/** The first host hands its mail for the second to that one's SMTP port, by an alias that anybody may use. */
function relayBySmtp({ directory, hosts }: ServedPair): void {
  const file = join(directory, 'mail-1.yaml')
  const text = readFileSync(file, 'utf8')
  const port = hosts[1].ports.smtp
  const route = text.replace(/mail-2\.a\.com: bp:\S+/, `mail-2.a.com: "smtp:[127.0.0.1]:${port}"`)
  expect(route).not.toBe(text)
  writeFileSync(file, `${route}\naliases: { ${RELAYED}: [user@mail-2.a.com] }\n`)
}

function isQueueEmpty(pair: ServedPair): boolean {
  return lightlag(pair, 'queue', 'list') === 'Mail queue is empty\n'
}

function lightlag({ directory }: ServedPair, ...args: readonly string[]): string {
  const socket = join(directory, 'mail-1/control.sock')
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['dist/cmd/lightlag.js', ...args, '--node', socket],
    { encoding: 'utf8' },
  )
  expect(stderr).toBe('')
  return stdout
}

function missing(answered: Set<string> | undefined, arrived: readonly string[]): readonly string[] {
  const all = new Set(arrived)
  return [...(answered ?? [])].filter((body) => !all.has(body))
}
