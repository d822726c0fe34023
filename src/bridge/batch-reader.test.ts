import fc from 'fast-check'
import { expect, test } from 'vitest'
import { concat, fromLatin1, toLatin1 } from '../base/bytes.ts'
import { writeBatch } from '../proto/smtp/batch.ts'
import { type BatchResult, readBatch } from './batch-reader.ts'
import { BATCH_RECIPIENTS_MAX } from './limits.ts'

const FROM = { reversePath: { localPart: 'a', domain: 'x.org' }, parameters: {} }
const TO = { localPart: 'b', domain: 'y.org' }

function read(text: string): BatchResult {
  return readBatch(fromLatin1(text), 'mail-2.a.com', 10_000)
}

test('property: what was written is read, whatever the message', () => {
  const line = fc.stringMatching(/^[ -~]{0,40}$/)
  fc.assert(
    fc.property(
      fc.array(line, { minLength: 1 }),
      fc.integer({ min: 1, max: 5 }),
      (lines, count) => {
        const message = fromLatin1(lines.map((text) => `${text}\r\n`).join(''))
        const recipients = Array.from({ length: count }, (_, i) => ({
          recipient: { ...TO, localPart: `b${i}` },
          parameters: { notify: ['success'] as const },
        }))
        const result = readBatch(writeBatch('x.org', FROM, recipients, message), 'y.org', 10_000)
        expect(result).toMatchObject({ ok: true, mail: { helo: 'x.org', from: FROM, recipients } })
        expect(result.ok && toLatin1(concat(...result.mail.body))).toBe(toLatin1(message))
      },
    ),
  )
})

test('property: no bytes throw', () => {
  const command = fc.constantFrom('EHLO x\r\n', 'MAIL FROM:<>\r\n', 'RCPT TO:<b@y>\r\n', 'DATA\r\n')
  fc.assert(
    fc.property(fc.array(fc.oneof(command, fc.string(), fc.constant('\r\n.\r\n'))), (parts) => {
      readBatch(fromLatin1(parts.join('').replace(/[^\0-\xff]/g, '?')), 'y.org', 1000)
    }),
  )
})

test('an object may begin at MAIL FROM and end without QUIT', () => {
  expect(read('MAIL FROM:<a@x.org>\r\nRCPT TO:<b@y.org>\r\nDATA\r\nHi\r\n.\r\n')).toMatchObject({
    ok: true,
    mail: { helo: '', recipients: [{ recipient: TO }] },
  })
})

test('what is not exactly one whole mail is refused whole', () => {
  const mail = 'MAIL FROM:<a@x.org>\r\nRCPT TO:<b@y.org>\r\nDATA\r\nHi\r\n.\r\n'
  for (const text of ['', 'QUIT\r\n', mail.slice(0, -5), `${mail}${mail}`]) {
    expect(read(text), text).toMatchObject({ ok: false, reply: { code: 554 } })
  }
})

test('what the SMTP machine refuses refuses the mail, with its reply', () => {
  const head = 'MAIL FROM:<a@x.org>\r\nRCPT TO:<b@y.org>\r\nDATA\r\n'
  expect(read(`${head}bare\nline\r\n.\r\n`)).toMatchObject({ reply: { code: 550 } })
  expect(read(`${head}${'x'.repeat(10_001)}\r\n.\r\n`)).toMatchObject({ reply: { code: 552 } })
})

test('recipients beyond the bound refuse the mail', () => {
  const many = 'RCPT TO:<b@y.org>\r\n'.repeat(BATCH_RECIPIENTS_MAX + 1)
  expect(read(`MAIL FROM:<a@x.org>\r\n${many}DATA\r\nHi\r\n.\r\n`)).toMatchObject({
    ok: false,
    reply: { code: 452 },
  })
})
