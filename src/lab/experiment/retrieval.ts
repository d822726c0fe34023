/**
 * A mailbox read by a mail program on the far side of a link. What each way says to its server is
 * written out here; nothing is asked before the answer it depends on.
 */

import { fromLatin1, toLatin1 } from '../../base/bytes.ts'
import { asFault, Fault } from '../../base/fault.ts'
import type { MonoMs } from '../../base/time.ts'
import type { Clock } from '../../ports/clock.ts'
import type { ByteStream } from '../../ports/network.ts'
import type { LabFaultCode } from '../fault.ts'
import type { LabMachine } from '../machine.ts'
import type { Experiment } from './experiment.ts'
import { DAY_MS, FAR, mailsOf, NEAR, Stage, USER } from './stage.ts'

/** What others measured with 1000 mails, Thunderbird and a server of IMAP: seconds, by one-way delay in ms. */
const PUBLISHED: Readonly<Record<number, number>> = { 0: 19, 1000: 33, 2000: 64, 5000: 153 }
const PUBLISHED_MESSAGES = 1000

/** The bodies that a mail program asks for in one command. */
const GROUP_BYTES = 51_200

type Reader = (dialogue: Dialogue, messages: number, messageBytes: number) => Promise<void>

const WAYS: Readonly<Record<string, { readonly port: 110 | 143; readonly read: Reader }>> = {
  'imap-program': { port: 143, read: asProgramsDo },
  'imap-best': { port: 143, read: atOnce },
  pop3: { port: 110, read: oneByOne },
  'pop3-pipelined': { port: 110, read: pipelined },
}

export const retrieval: Experiment = {
  name: 'retrieval',
  about: 'how long a mail program takes to fetch a mailbox across the link, by IMAP and POP3',
  settings: { messages: 1000, messageBytes: 1024, rateBytesPerSec: 1_250_000, contactMs: 0 },
  grid: {
    ways: Object.keys(WAYS),
    oneWayDelaysMs: [0, 1000, 2000, 5000, 1_200_000],
    lossShares: [0],
    contactsPerDay: [0],
  },
  measures: [
    { key: 'all_s', title: 'all fetched after', unit: 's', digits: 2 },
    { key: 'listed_s', title: 'all listed after', unit: 's', digits: 2 },
    { key: 'published_s', title: 'published', unit: 's', digits: 0 },
    { key: 'round_trips', title: 'round trips', unit: '', digits: 1 },
  ],
  run: async (point, settings, seed, staging) => {
    const { messages, messageBytes } = settings
    const way = WAYS[point.way]
    if (way === undefined) throw new RangeError(`no way ${point.way}`)
    const stage = await Stage.open('smtp', point, settings, seed, staging)
    const own = `user@${NEAR}`
    await stage.submit(mailsOf(settings, seed, own), own)
    await stage.run(() => stage.farewells.length >= messages, DAY_MS)
    const from = stage.now
    const [reader, server] = [stage.lab.host(FAR), stage.lab.host(NEAR).options.address]
    const dialogue = await stage.lab.perform(
      Dialogue.open(reader, { host: server, port: way.port })
        .then(async (opened) => {
          await way.read(opened, messages, messageBytes)
          opened.close()
          return opened
        })
        // No connection comes about, or none that lasts: there is nothing to measure.
        .catch((error) => {
          asFault(error)
          return undefined
        }),
    )
    const allMs = stage.now - from
    await stage.close()
    if (dialogue?.messages !== messages) return {}
    const isPublished = point.way === 'imap-program' && messages === PUBLISHED_MESSAGES
    const roundTripMs = 2 * point.oneWayDelayMs
    return {
      all_s: seconds(allMs),
      listed_s: dialogue.listedAt && seconds(dialogue.listedAt - from),
      published_s: isPublished ? PUBLISHED[point.oneWayDelayMs] : undefined,
      round_trips: roundTripMs > 0 ? allMs / roundTripMs : undefined,
    }
  },
}

/** As long as TCP goes on trying; an answer may take as long. */
const PATIENCE_MS = 6 * 3_600_000

/** One connection to a server of lines and literals, and how many whole messages have come on it. */
class Dialogue {
  readonly #stream: ByteStream
  readonly #clock: Clock
  #rest = ''
  #literalBytes = 0
  #isBody = false
  #awaited: { readonly isLast: (line: string) => boolean; readonly settle: () => void } | undefined
  #fail: (fault: Fault) => void = () => {}
  messages = 0
  /** When what a person sees first was there: senders and subjects of all mails. */
  listedAt: MonoMs | undefined

  /** Once the server has said its first line. */
  static async open(
    { machine }: LabMachine,
    server: { readonly host: string; readonly port: number },
  ): Promise<Dialogue> {
    const stream = await machine.network.connect(server, PATIENCE_MS)
    const dialogue = new Dialogue(stream, machine.clock)
    await dialogue.ask('', () => true)
    return dialogue
  }

  private constructor(stream: ByteStream, clock: Clock) {
    this.#stream = stream
    this.#clock = clock
    stream.onBytes = (bytes) => this.#hear(toLatin1(bytes))
    stream.onEnd = (fault) => this.#fail(fault ?? closed())
  }

  /** Resolves with the last line of the answer. */
  ask(text: string, isLast: (line: string) => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#awaited = { isLast, settle: resolve }
      this.#fail = reject
      if (text !== '') this.#stream.send(fromLatin1(text))
    })
  }

  listed(): void {
    this.listedAt = this.#clock.now()
  }

  close(): void {
    this.#stream.close()
  }

  #hear(text: string): void {
    this.#rest += text
    for (let at = 0; ; ) {
      if (this.#literalBytes > 0) {
        const taken = Math.min(this.#literalBytes, this.#rest.length - at)
        this.#literalBytes -= taken
        at += taken
        if (this.#literalBytes === 0 && this.#isBody) this.messages++
      }
      const end = this.#literalBytes > 0 ? -1 : this.#rest.indexOf('\r\n', at)
      if (end < 0) {
        this.#rest = this.#rest.slice(at)
        return
      }
      this.#line(this.#rest.slice(at, end))
      at = end + 2
    }
  }

  #line(line: string): void {
    const literal = /\{(\d+)\}$/.exec(line)
    if (literal !== null) {
      this.#literalBytes = Number(literal[1])
      this.#isBody = line.includes('BODY[] ')
      return
    }
    const awaited = this.#awaited
    if (awaited === undefined || !awaited.isLast(line)) return
    this.#awaited = undefined
    awaited.settle()
  }
}

/** IMAP: one command after the other, as programs do that show each folder before its mails. */
async function asProgramsDo(
  dialogue: Dialogue,
  messages: number,
  messageBytes: number,
): Promise<void> {
  let count = 0
  const say = (command: string): Promise<void> => {
    const tag = `a${++count}`
    return dialogue.ask(`${tag} ${command}\r\n`, (line) => line.startsWith(`${tag} `))
  }
  await say('CAPABILITY')
  await say(`LOGIN ${USER.user} ${USER.password}`)
  await say('CAPABILITY')
  await say('NAMESPACE')
  await say('LIST "" "*"')
  await say('SELECT INBOX')
  await say('UID FETCH 1:* (FLAGS)')
  await say(
    'UID FETCH 1:* (UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS (From To Cc Subject Date Message-ID References Content-Type)])',
  )
  dialogue.listed()
  const inGroup = Math.max(1, Math.floor(GROUP_BYTES / messageBytes))
  for (let first = 1; first <= messages; first += inGroup) {
    const last = Math.min(messages, first + inGroup - 1)
    await say(`FETCH ${first}:${last} (UID RFC822.SIZE BODY.PEEK[])`)
  }
}

/** IMAP with all that it allows: no command waits for another. */
function atOnce(dialogue: Dialogue): Promise<void> {
  const commands = [
    `a1 LOGIN ${USER.user} ${USER.password}`,
    'a2 SELECT INBOX',
    'a3 FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])',
  ]
  const text = commands.map((command) => `${command}\r\n`).join('')
  return dialogue.ask(text, (line) => line.startsWith('a3 '))
}

/** POP3 as most programs speak it. */
async function oneByOne(dialogue: Dialogue, messages: number): Promise<void> {
  await openMaildrop(dialogue)
  for (let number = 1; number <= messages; number++) {
    await dialogue.ask(`RETR ${number}\r\n`, isDot)
    dialogue.messages++
  }
}

/** POP3 with PIPELINING. RFC 2449 §6.6. */
async function pipelined(dialogue: Dialogue, messages: number): Promise<void> {
  await openMaildrop(dialogue)
  const commands = Array.from({ length: messages }, (_, i) => `RETR ${i + 1}\r\n`)
  await dialogue.ask(commands.join(''), (line) => {
    if (isDot(line)) dialogue.messages++
    return dialogue.messages === messages
  })
}

async function openMaildrop(dialogue: Dialogue): Promise<void> {
  const isAnswer = (line: string): boolean => line.startsWith('+OK')
  await dialogue.ask(`USER ${USER.user}\r\n`, isAnswer)
  await dialogue.ask(`PASS ${USER.password}\r\n`, isAnswer)
  await dialogue.ask('STAT\r\n', isAnswer)
  await dialogue.ask('UIDL\r\n', isDot)
}

function isDot(line: string): boolean {
  return line === '.'
}

function seconds(ms: number): number {
  return Math.round(ms) / 1000
}

function closed(): Fault<LabFaultCode> {
  return new Fault('lab/not-retrieved', 'the server closed the connection', { temporary: true })
}
