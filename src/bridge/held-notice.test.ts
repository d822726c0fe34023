import { expect, test } from 'vitest'
import { fromLatin1, toLatin1 } from '../base/bytes.ts'
import { wallMs } from '../base/time.ts'
import {
  contentFields,
  formatHandedOut,
  formatNotice,
  isSentOnDemand,
  tokenOf,
} from './held-notice.ts'

const NOTICE = {
  ...{ token: 'ab12', host: 'mail-1.a.com', domain: 'a.com' },
  ...{ date: wallMs(0), expiresAt: wallMs(86_400_000) },
}
const PART = { type: 'image', subtype: 'png', headerStart: 0, bodyStart: 50, end: 2048, lines: 9 }

test('a notice is a message from the address at which the attachment is asked for', () => {
  const parameters = [['filename', 'a "b".png']] as const
  const notice = formatNotice({ ...PART, disposition: { type: 'attachment', parameters } }, NOTICE)
  expect(notice).toMatch(
    /^Content-Type: message\/rfc822\r\n\r\nFrom: Held attachment <lightlag-held\+ab12@a\.com>\r\n/,
  )
  expect(notice).toContain('Subject: Held back: a ?b?.png (2KiB)\r\n')
  expect(notice).toContain('by Fri, 2 Jan 1970 00:00:00 +0000, and it')
})

test('nothing that a sender writes ends a line of a notice, or is longer than its place', () => {
  const name = `x\r\nBcc: y\x00\xe9${'z'.repeat(1000)}`
  const notice = formatNotice({ ...PART, parameters: [['name', name]] }, NOTICE)
  expect(notice).not.toContain('\r\nBcc')
  expect(notice).toMatch(/^[\r\n -~\t]*$/)
  for (const line of notice.split('\r\n')) expect(line.length).toBeLessThan(200)
})

test('of a header only what is said of the content goes on', () => {
  const header =
    'Content-Type: text/plain;\r\n\tname=x\r\nBcc: y\r\n z\r\ncontent-id: <1>\r\nContent: z\r\n\r\n'
  expect(contentFields(fromLatin1(header))).toBe(
    'Content-Type: text/plain;\r\n\tname=x\r\ncontent-id: <1>\r\n',
  )
})

test('the mail that brings it is in the thread of the first, and a whole header', () => {
  const mail = {
    ...{ queueId: 'Q', host: 'mail-1.a.com', date: wallMs(0) },
    to: { localPart: 'ann', domain: 'b.com' },
    content: 'Content-Type: image/png\r\n',
  }
  const fields = { from: '"\xe9" <u@a.com>', subject: 'one\r\ntwo', messageId: '<1@a.com>' }
  const header = toLatin1(formatHandedOut({ ...mail, fields }))
  expect(header).toContain('From: "\xe9" <u@a.com>\r\nTo: <ann@b.com>\r\nSubject: one??two\r\n')
  expect(header).toContain('In-Reply-To: <1@a.com>\r\nReferences: <1@a.com>\r\n')
  expect(header).toMatch(/MIME-Version: 1\.0\r\nContent-Type: image\/png\r\n\r\n$/)
  expect(toLatin1(formatHandedOut({ ...mail, fields: {} }))).toContain(
    'From: <lightlag-held@mail-1.a.com>\r\n',
  )
})

test('a token is in its address, in whichever case', () => {
  const token = (localPart: string): string | undefined => tokenOf({ localPart, domain: 'a.com' })
  expect(token('LightLag-Held+AB12')).toBe('ab12')
  for (const other of [
    'lightlag-held',
    'lightlag-held+',
    'lightlag-held+xyz',
    'x-lightlag-held+ab',
  ])
    expect(token(other)).toBeUndefined()
})

test('what brings an attachment is known by its header, and what was only shortened is not', () => {
  const header = (value: string): string => `From: a@b.c\r\nX-Lightlag-Held-Back: ${value}\r\n\r\n`
  expect(isSentOnDemand(header('sent on demand by mail-1.a.com'))).toBe(true)
  expect(isSentOnDemand(header('1 of its parts, 4000 octets, at mail-1.a.com;'))).toBe(false)
  expect(isSentOnDemand('Subject: X-Lightlag-Held-Back: sent on demand by me\r\n')).toBe(false)
})
