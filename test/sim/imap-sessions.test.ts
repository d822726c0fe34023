/**
 * Sessions on one mailbox, at random: each client keeps a model of the mailbox by what it is told,
 * and nothing else. RFC 9051 §7.5.1, §5.2.
 */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ImapStage, type Terminal } from '../support/imap-stage.ts'

interface Entry {
  uid: number | undefined
  /** Undefined where it was never told. */
  flags: ReadonlySet<string> | undefined
}

type Command =
  | {
      readonly type: 'store'
      readonly uid: boolean
      readonly silent: boolean
      readonly sign: '+' | '-' | ''
      readonly flags: readonly string[]
      readonly from: number
      readonly to: number
    }
  | { readonly type: 'expunge' | 'noop' | 'append' | 'idle' | 'search' | 'deliver' }
  | {
      readonly type: 'fetch' | 'copy' | 'move'
      readonly uid: boolean
      readonly from: number
      readonly to: number
    }

/** In whose answers no message may lose its number. */
const NUMBERED = /^(FETCH|STORE|SEARCH)/

class Client {
  readonly terminal: Terminal
  readonly entries: Entry[] = []
  readonly #mode: string
  #rest = ''
  /** Sent and not yet answered, in order. */
  readonly #open: { readonly tag: string; readonly text: string; readonly done: () => void }[] = []
  #tags = 0

  constructor(terminal: Terminal, mode: string) {
    this.terminal = terminal
    this.#mode = mode
  }

  async start(stage: ImapStage): Promise<void> {
    const enable = this.#mode === '' ? [] : [`e ENABLE ${this.#mode}`]
    const said = await this.terminal.say('l LOGIN ada secret', ...enable)
    expect(said).toContain('l OK')
    this.send('SELECT INBOX')
    this.send('FETCH 1:* (UID FLAGS)')
    await stage.wait(1000)
    this.hear()
  }

  send(text: string, done: () => void = () => {}): void {
    const tag = `t${++this.#tags}`
    this.terminal.send(`${tag} ${text}\r\n`)
    this.#open.push({ tag, text, done })
  }

  idle(): void {
    const tag = `t${++this.#tags}`
    this.terminal.send(`${tag} IDLE\r\nDONE\r\n`)
    this.#open.push({ tag, text: 'IDLE', done: () => {} })
  }

  /** Takes in what has come. */
  hear(): void {
    this.#rest += this.terminal.heard()
    const lines = this.#rest.split('\r\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) this.#line(line)
  }

  get isQuiet(): boolean {
    return this.#open.length === 0
  }

  #line(line: string): void {
    const [, tag, rest = ''] = /^(\S+) ?(.*)$/.exec(line) ?? []
    const current = this.#open[0]
    if (tag === current?.tag) {
      expect(rest, current?.text).toMatch(/^(OK|NO|BAD \[?there|BAD there)/)
      if (rest.startsWith('OK')) current?.done()
      this.#open.shift()
      return
    }
    const exists = /^\* (\d+) EXISTS$/.exec(line)
    if (exists !== null) {
      const count = Number(exists[1])
      expect(count).toBeGreaterThanOrEqual(this.entries.length)
      while (this.entries.length < count) this.entries.push({ uid: undefined, flags: undefined })
      return
    }
    const expunged = /^\* (\d+) EXPUNGE$/.exec(line)
    const vanished = /^\* VANISHED ([\d:,]+)$/.exec(line)
    if (expunged !== null || vanished !== null) {
      expect(current?.text ?? '', 'no message may go now').not.toMatch(NUMBERED)
      if (expunged !== null) this.#expunge(Number(expunged[1]))
      else this.#vanish(vanished?.[1] ?? '')
      return
    }
    const fetched = /^\* (\d+) FETCH \((.*)$/.exec(line)
    if (fetched !== null) this.#fetched(Number(fetched[1]), fetched[2] ?? '')
  }

  #expunge(number: number): void {
    expect(this.#mode).not.toContain('QRESYNC')
    expect(number).toBeGreaterThan(0)
    expect(number).toBeLessThanOrEqual(this.entries.length)
    this.entries.splice(number - 1, 1)
  }

  #vanish(set: string): void {
    expect(this.#mode).toContain('QRESYNC')
    for (const range of set.split(',')) {
      const [from = 0, to = from] = range.split(':').map(Number)
      for (let uid = from; uid <= to; uid++) {
        const index = this.#indexOf(uid)
        expect(index, `UID ${uid} can be there`).toBeGreaterThanOrEqual(0)
        this.entries.splice(index, 1)
      }
    }
  }

  /** Of a message that it has only been told to exist, one of those of which it knows no UID. */
  #indexOf(uid: number): number {
    const known = this.entries.findIndex((entry) => entry.uid === uid)
    if (known >= 0) return known
    const after = this.entries.findLastIndex((entry) => (entry.uid ?? uid) < uid)
    return this.entries.findIndex((entry, at) => at > after && entry.uid === undefined)
  }

  #fetched(number: number, items: string): void {
    const entry = this.entries[number - 1]
    expect(entry, `message ${number} is known`).toBeDefined()
    if (entry === undefined) return
    const uid = /\bUID (\d+)/.exec(items)?.[1]
    if (uid !== undefined) {
      if (entry.uid !== undefined) expect(entry.uid).toBe(Number(uid))
      entry.uid = Number(uid)
    }
    const flags = /\bFLAGS \(([^)]*)\)/.exec(items)?.[1]
    if (flags !== undefined) {
      entry.flags = new Set(flags.split(' ').filter((one) => one !== '' && one !== '\\Recent'))
    }
  }

  /** What a client assumes of a change for which it asked for silence. */
  assume(entries: readonly Entry[], sign: string, flags: readonly string[]): void {
    for (const entry of entries) {
      if (sign === '') entry.flags = new Set(flags)
      else if (entry.flags !== undefined) {
        const rest = [...entry.flags].filter((flag) => !flags.includes(flag))
        entry.flags = new Set(sign === '+' ? [...rest, ...flags] : rest)
      }
    }
  }
}

const position = fc.integer({ min: 1, max: 8 })
const flag = fc.constantFrom('\\Seen', '\\Flagged', '\\Deleted', '\\Deleted', '$Work')
const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({
    type: fc.constant('store' as const),
    uid: fc.boolean(),
    silent: fc.boolean(),
    sign: fc.constantFrom('+' as const, '-' as const, '' as const),
    flags: fc.uniqueArray(flag, { minLength: 1, maxLength: 2 }),
    from: position,
    to: position,
  }),
  fc.record({
    type: fc.constantFrom('expunge' as const, 'noop', 'append', 'idle', 'search', 'deliver'),
  }),
  fc.record({
    type: fc.constantFrom('fetch' as const, 'copy', 'move'),
    uid: fc.boolean(),
    from: position,
    to: position,
  }),
)

async function perform(client: Client, one: Command, stage: ImapStage): Promise<void> {
  switch (one.type) {
    case 'deliver':
      await stage.deliver('INBOX', 'x: y\r\n\r\n')
      return
    case 'append':
      client.send('APPEND INBOX (\\Seen) {8+}\r\nx: y\r\n\r\n')
      return
    case 'idle':
      client.idle()
      return
    case 'search':
      client.send('SEARCH ALL')
      return
    case 'expunge':
    case 'noop':
      client.send(one.type.toUpperCase())
      return
  }
  const count = client.entries.length
  if (count === 0) return
  const [from, to] = [Math.min(one.from, count), Math.min(one.to, count)]
  const entries = client.entries.slice(Math.min(from, to) - 1, Math.max(from, to))
  // The client speaks of messages that it knows by UID where it does so.
  const uids = entries.flatMap(({ uid }) => (uid === undefined ? [] : [uid]))
  const byUid = one.uid && uids.length === entries.length
  const set = `${byUid ? 'UID ' : ''}${one.type.toUpperCase()} ${byUid ? uids.join(',') : `${from}:${to}`}`
  switch (one.type) {
    case 'store': {
      const { silent, sign, flags } = one
      const what = `${sign}FLAGS${silent ? '.SILENT' : ''} (${flags.join(' ')})`
      client.send(`${set} ${what}`, () => silent && client.assume(entries, sign, flags))
      return
    }
    case 'fetch':
      client.send(`${set} (FLAGS BODY[TEXT])`)
      return
    case 'copy':
    case 'move':
      client.send(`${set} ${one.type === 'copy' ? 'INBOX' : 'Other'}`)
  }
}

test('property: whatever sessions do at once, each client knows the mailbox as it is', async () => {
  const step = fc.record({ client: fc.nat(3), command, waitMs: fc.constantFrom(0, 0, 0, 1, 50) })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const stage = new ImapStage()
      await stage.start()
      const ada = stage.account('ada')
      await stage.perform(ada.create('Other'))
      for (let n = 0; n < 5; n++) await stage.deliver('INBOX', 'x: y\r\n\r\n')
      const modes = ['', 'QRESYNC', 'IMAP4rev2', 'CONDSTORE']
      const clients: Client[] = []
      for (const mode of modes) clients.push(new Client(await stage.connect(), mode))
      for (const client of clients) await client.start(stage)
      for (const { client: index, command: one, waitMs } of steps) {
        const client = clients[index] as Client
        await perform(client, one, stage)
        // One command at a time for each, but at any moment of the others'.
        await stage.wait(waitMs)
        for (const other of clients) other.hear()
        if (!client.isQuiet) await stage.wait(client === clients[0] ? 20 : 3)
        for (const other of clients) other.hear()
      }
      await stage.wait(1000)
      const mailbox = await stage.perform(ada.open('INBOX'))
      for (const client of clients) {
        client.hear()
        client.send('NOOP')
        await stage.wait(100)
        client.hear()
        expect(client.isQuiet).toBe(true)
        expect(client.entries).toHaveLength(mailbox.uids.length)
        for (const [index, { uid, flags }] of client.entries.entries()) {
          const truth = mailbox.state(mailbox.uids[index] as number)
          if (uid !== undefined) expect(uid).toBe(truth?.uid)
          if (flags !== undefined)
            expect([...flags].sort()).toEqual([...(truth?.flags ?? [])].sort())
        }
      }
    }),
    { numRuns: 60 },
  )
})
