import fc from 'fast-check'
import { expect, it } from 'vitest'
import { connected, type Talk } from '../../../test/support/smtp-talk.ts'
import { concat, fromLatin1, toLatin1 } from '../../base/bytes.ts'
import { monoMs } from '../../base/time.ts'
import type { ByteStream } from '../../ports/network.ts'
import { PickupSession } from './pickup-session.ts'
import { SmtpDialogue } from './smtp-dialogue.ts'

interface Dialogue {
  readonly output: string
  readonly talk: Talk
  /** Why it came to a bad end; undefined: it did not. */
  readonly failure: unknown
}

/** A program that writes these pieces and then ends. */
async function speak(...pieces: readonly string[]): Promise<Dialogue> {
  const talk = connected()
  const hear = (text: string): void => {
    queueMicrotask(() => {
      if (text !== '') stream.onBytes(fromLatin1(text))
      if (talk.closed) stream.onEnd(undefined)
    })
  }
  const nothing = (): void => {}
  const stream: ByteStream = {
    ...{ local: { host: '/pickup', port: 0 }, remote: { host: '/pickup', port: 0 } },
    ...{
      unsentBytes: 0,
      secure: nothing,
      close: nothing,
      pause: nothing,
      resume: nothing,
      abort: nothing,
    },
    ...{ onBytes: nothing, onSecured: nothing, onDrained: nothing, onEnd: nothing },
    send: (bytes) => hear(talk.hear({ type: 'bytes', bytes })),
  }
  const unused = (): never => {
    throw new Error('not asked for')
  }
  hear(talk.sent)
  const session = await PickupSession.open(stream, {
    clock: { now: () => monoMs(0), wall: unused, at: () => nothing },
    owners: { make: unused, remove: unused },
    ...{ user: undefined, socket: '/pickup' },
  })
  const output: Uint8Array[] = []
  const input = [...pieces]
  const dialogue = new SmtpDialogue(session, {
    input: async () => {
      const next = input.shift()
      return next === undefined ? undefined : fromLatin1(next)
    },
    output: (bytes) => void output.push(bytes),
    flushed: async () => {},
  })
  const failure = await dialogue.run().then(
    () => undefined,
    (error: unknown) => error,
  )
  return { output: toLatin1(concat(...output)), talk, failure }
}

const ENVELOPE = 'MAIL FROM:<a@a.com>\r\nRCPT TO:<user@b.com>\r\n'
const MAIL = `EHLO me\r\n${ENVELOPE}DATA\r\nA: b\r\n\r\n..dot\r\n.\r\n`

it('says all that it is told at once, and QUIT where the program does not', async () => {
  const { output, talk, failure } = await speak(MAIL)
  expect(failure).toBeUndefined()
  expect(talk.body).toBe('A: b\r\n\r\n.dot\r\n')
  expect(output).toMatch(
    /^220 .*\r\n354 .*\r\n250 2\.0\.0 Ok: queued as Q1\r\n221 2\.0\.0 Bye\r\n$/s,
  )
  const quitting = await speak(`${MAIL}QUIT\r\n`)
  expect(quitting.output).toBe(output)
})

it('ends at once where the input ends inside of a message, and nothing is accepted', async () => {
  for (const cut of ['DATA\r\n', 'DATA\r\nA: b\r\n\r\ntext\r\n.', 'BDAT 9 LAST\r\nA: b\r\n']) {
    const { talk, failure } = await speak(`EHLO me\r\n${ENVELOPE}${cut}`)
    expect(failure).toMatchObject({ message: expect.stringContaining('inside of a message') })
    expect(talk.of('end-of-data')).toEqual([])
  }
})

it('passes chunks on by their size, whatever is in them', async () => {
  const { output, talk, failure } = await speak(
    `EHLO me\r\n${ENVELOPE}BDAT 9\r\nDATA\r\n.\r\n`,
    'BDAT 2 LAST\r\n\r\n',
  )
  expect(failure).toBeUndefined()
  expect(talk.of('end-of-data')).toHaveLength(1)
  expect(output).toContain('queued as Q1')
})

it('ends with the session where the host ends it', async () => {
  const { output, failure } = await speak('QUIT\r\n', ENVELOPE)
  expect([failure, output.split('\r\n').at(-2)]).toEqual([undefined, '221 2.0.0 Bye'])
})

it('lets no half of a command stand for a whole one', async () => {
  const { talk, failure } = await speak(`EHLO me\r\n${ENVELOPE}DAT`)
  expect(failure).toBeUndefined()
  expect(talk.of('data')).toEqual([])
})

it('ends where the input does inside of a line that is too long for the host', async () => {
  const { output, failure } = await speak('y'.repeat(20_000), 'y')
  expect(failure).toBeUndefined()
  expect(output).toMatch(/\r\n500 .*\r\n221 2\.0\.0 Bye\r\n$/s)
})

it('property: however the program writes, the host answers the same', async () => {
  const script = `NOOP\nVRFY x\r\nBDAT x\r\n${'y'.repeat(20_000)}\r\n${MAIL}${ENVELOPE}BDAT 3\r\nabcBDAT 0 LAST\r\n${MAIL}`
  const whole = await speak(script)
  expect(whole.talk.of('end-of-data')).toHaveLength(3)
  const cuts = fc.array(fc.nat({ max: script.length }), { maxLength: 20 })
  await fc.assert(
    fc.asyncProperty(cuts, async (places) => {
      const ends = [0, ...places, script.length].sort((a, b) => a - b)
      const pieces = ends.slice(1).map((end, i) => script.slice(ends[i], end))
      const cut = await speak(...pieces)
      expect([cut.output, cut.talk.body]).toEqual([whole.output, whole.talk.body])
    }),
    { numRuns: 30 },
  )
})
