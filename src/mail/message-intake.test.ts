import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concat, fromLatin1, fromUtf8, toLatin1 } from '../base/bytes.ts'
import { wallMs } from '../base/time.ts'
import { HEADER_BYTES_MAX } from '../proto/message/limits.ts'
import { formatReceived, type ReceivedTrace } from '../proto/message/trace.ts'
import { MessageIntake } from './message-intake.ts'

const TRACE: ReceivedTrace = {
  helo: 'client.a.com',
  peer: '172.21.0.4',
  by: 'mail-1.a.com',
  protocol: 'ESMTP',
  id: 'ID',
  recipient: undefined,
  date: wallMs(1_795_420_800_000),
}
const RECEIVED = formatReceived(TRACE)

function take(
  message: string | Uint8Array,
  kind: 'transfer' | 'submission' = 'transfer',
  cuts: readonly number[] = [],
): string {
  const bytes = typeof message === 'string' ? fromUtf8(message) : message
  const intake = new MessageIntake(TRACE, kind)
  const parts: Uint8Array[] = []
  let from = 0
  for (const cut of [...cuts].sort((a, b) => a - b)) {
    const to = Math.max(from, Math.min(cut, bytes.length))
    parts.push(intake.push(bytes.slice(from, to)))
    from = to
  }
  parts.push(intake.push(bytes.slice(from)), intake.end())
  return toLatin1(concat(...parts))
}

describe('MessageIntake', () => {
  it('puts Received before everything else and changes nothing (RFC 5321 §4.4)', () => {
    const message = 'Received: by x\r\nSubject: hello\r\n\r\nHello\r\n'
    expect(take(message)).toBe(RECEIVED + message)
  })

  it('gives a submitted message the Date and Message-ID it lacks (RFC 5321 §6.4)', () => {
    expect(take('Subject: hello\r\n\r\nHello\r\n', 'submission')).toBe(
      `${RECEIVED}Date: Mon, 23 Nov 2026 08:00:00 +0000\r\nMessage-ID: <ID@mail-1.a.com>\r\n` +
        'Subject: hello\r\n\r\nHello\r\n',
    )
  })

  it('leaves those alone that a submitted message has', () => {
    const message = 'date: x\r\nMESSAGE-ID: <1@b>\r\n\r\nHello\r\n'
    expect(take(message, 'submission')).toBe(RECEIVED + message)
  })

  it('keeps a message without a header out of the header', () => {
    expect(take('Hello there\r\n')).toBe(`${RECEIVED}\r\nHello there\r\n`)
    expect(take('')).toBe(RECEIVED)
  })

  it('passes a header beyond its bound through as it is', () => {
    const message = `X: ${'x'.repeat(HEADER_BYTES_MAX)}\r\n\r\nHello\r\n`
    expect(take(message, 'submission')).toBe(RECEIVED + message)
  })

  it('counts the servers that a message has passed (RFC 5321 §6.3)', () => {
    const intake = new MessageIntake(TRACE, 'transfer')
    intake.push(fromUtf8(`${'Received: by x\r\n'.repeat(7)}\r\nReceived: in the body\r\n`))
    expect(intake.hops).toBe(7)
  })

  it('property: a message cut anywhere comes out the same, its own bytes untouched', () => {
    const message = fc
      .array(fc.constantFrom('A: b', '\r\n', ':', ' x', 'Hello', '\xe4', 'Date: y\r\n'), {
        maxLength: 40,
      })
      .map((parts) => fromLatin1(parts.join('')))
    const kind = fc.constantFrom('transfer', 'submission')
    fc.assert(
      fc.property(message, kind, fc.array(fc.nat(80)), (bytes, of, cuts) => {
        const whole = take(bytes, of)
        expect(take(bytes, of, cuts)).toBe(whole)
        expect(whole.startsWith(RECEIVED)).toBe(true)
        expect(whole.endsWith(toLatin1(bytes))).toBe(true)
      }),
    )
  })
})
