import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromLatin1, toLatin1 } from '../../base/bytes.ts'
import { monoMs } from '../../base/time.ts'
import { envelopeBytes, writeBatch } from './batch.ts'
import type { Mailbox, MailFrom } from './envelope.ts'
import { SmtpServer } from './server.ts'

const USER: Mailbox = { localPart: 'user', domain: 'mail-2.a.com' }

/** What the reading machine asks, every question answered with yes. */
function readBatch(chunks: readonly Uint8Array[]) {
  const server = new SmtpServer({
    hostname: 'mail-2.a.com',
    role: 'batch',
    sizeBytesMax: 1_000_000,
    recipientsMax: 1000,
    mechanisms: [],
    requireAuthentication: false,
  })
  const result = {
    mails: [] as MailFrom[],
    recipients: [] as Mailbox[],
    body: '',
    complete: 0,
    closed: false,
    refused: 0,
  }
  const events: Parameters<SmtpServer['handle']>[0][] = [
    ...chunks.map((bytes) => ({ type: 'bytes' as const, bytes })),
    { type: 'ended' },
  ]
  for (let event = events.shift(); event !== undefined; event = events.shift()) {
    for (const effect of server.handle(event, monoMs(0))) {
      if (effect.type === 'mail') result.mails.push(effect.from)
      if (effect.type === 'recipient') result.recipients.push(effect.recipient)
      if (effect.type === 'body') result.body += toLatin1(effect.bytes)
      if (effect.type === 'end-of-data') result.complete++
      if (effect.type === 'refused') result.refused++
      if (effect.type === 'close') result.closed = true
      if (['mail', 'recipient', 'data', 'end-of-data'].includes(effect.type)) {
        events.unshift({ type: 'verdict', verdict: { ok: true } })
      }
    }
  }
  return result
}

test('a batch is the half of a dialogue that the client says (RFC 2442)', () => {
  const from: MailFrom = {
    reversePath: { localPart: 'a', domain: 'a.com' },
    parameters: { sizeBytes: 9, body: '8BITMIME' },
  }
  const batch = writeBatch(
    'mail-1.a.com',
    from,
    [{ recipient: USER }, { recipient: USER }],
    fromLatin1('.\r\ntext'),
  )
  expect(toLatin1(batch)).toBe(
    [
      'EHLO mail-1.a.com',
      'MAIL FROM:<a@a.com> SIZE=9 BODY=8BITMIME',
      'RCPT TO:<user@mail-2.a.com>',
      'RCPT TO:<user@mail-2.a.com>',
      'DATA',
      '..',
      'text',
      '.',
      'QUIT',
      '',
    ].join('\r\n'),
  )
})

test('what is binary goes by BDAT and stays as it is (RFC 3030 §3)', () => {
  const sender: MailFrom = { reversePath: undefined, parameters: { body: 'BINARYMIME' } }
  const message = '.\r\n\0\n.\n\r.\r no end'
  const batch = writeBatch('a.com', sender, [{ recipient: USER }], fromLatin1(message))
  expect(toLatin1(batch)).toContain(`BDAT ${message.length} LAST\r\n.\r\n`)
  expect(readBatch([batch])).toEqual({
    mails: [sender],
    recipients: [USER],
    body: message,
    complete: 1,
    closed: true,
    refused: 0,
  })
})

const mailbox = fc.record({
  localPart: fc.string({ unit: 'grapheme-ascii', maxLength: 20 }),
  domain: fc.constantFrom('a.com', 'b.example', '[127.0.0.1]'),
})
const from: fc.Arbitrary<MailFrom> = fc.record({
  reversePath: fc.option(mailbox, { nil: undefined }),
  parameters: fc.record(
    { sizeBytes: fc.nat(9999), body: fc.constantFrom('7BIT' as const, '8BITMIME' as const) },
    { requiredKeys: [] },
  ),
})
const message = fc
  .array(fc.string({ unit: fc.constantFrom('.', 'a', 'é', '\0', ' ') }))
  .map((lines) => lines.map((line) => `${line}\r\n`).join(''))

test('property: an object is no larger than its messages with their dots, and their envelopes', () => {
  fc.assert(
    fc.property(from, fc.array(mailbox, { minLength: 1 }), message, (sender, mailboxes, text) => {
      const recipients = mailboxes.map((recipient) => ({ recipient }))
      const { length } = writeBatch('a.com', sender, recipients, fromLatin1(text))
      const around = 'EHLO a.com\r\nDATA\r\n.\r\nQUIT\r\n'.length
      const most = envelopeBytes(sender, recipients) + (text.length * 4) / 3 + around
      expect(length).toBeLessThanOrEqual(most)
    }),
  )
})

test('property: the machine reads what was written, however it is cut', () => {
  fc.assert(
    fc.property(
      from,
      fc.array(mailbox, { minLength: 1 }),
      message,
      fc.nat(),
      (sender, recipients, text, at) => {
        const batch = writeBatch(
          'a.com',
          sender,
          recipients.map((recipient) => ({ recipient })),
          fromLatin1(text),
        )
        const middle = at % batch.length
        expect(readBatch([batch.subarray(0, middle), batch.subarray(middle)])).toEqual({
          mails: [sender],
          recipients,
          body: text,
          complete: 1,
          closed: true,
          refused: 0,
        })
      },
    ),
  )
})
