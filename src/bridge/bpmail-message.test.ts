import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromUtf8, toUtf8 } from '../base/bytes.ts'
import { wallMs } from '../base/time.ts'
import { formatMailbox, parseMailbox } from '../proto/smtp/path.ts'
import { isBatch, readBpmail, writeBpmail } from './bpmail-message.ts'

const MESSAGE = 'From: a@x.org\r\nTo: B <b@y.org>\r\nCc: c@z.org\r\n\r\nHello\r\n'
const NOW = wallMs(1_795_406_737_000)

function mailbox(text: string) {
  const parsed = parseMailbox(text)
  if (parsed === undefined) throw new Error(`${text} is no address`)
  return parsed
}

function written(
  recipients: readonly string[],
  from: string | undefined = 'a@x.org',
  message: string = MESSAGE,
): string {
  const envelope = { from: from ? mailbox(from) : undefined, recipients: recipients.map(mailbox) }
  return toUtf8(writeBpmail(fromUtf8(message), { ...envelope, date: NOW }))
}

function readOf(text: string, isOurs: (domain: string) => boolean = () => true) {
  const mail = readBpmail(fromUtf8(text), ({ domain }) => isOurs(domain))
  return (
    mail && {
      from: mail.from.reversePath && formatMailbox(mail.from.reversePath),
      recipients: mail.recipients.map(({ recipient }) => formatMailbox(recipient)),
      body: mail.body.map(toUtf8).join(''),
    }
  )
}

test('the message as it is, with LF, where its header says whom it is for', () => {
  expect(written(['b@y.org', 'C@Z.org'])).toBe(
    'Return-Path: <a@x.org>\nFrom: a@x.org\nTo: B <b@y.org>\nCc: c@z.org\n\nHello\n',
  )
})

test('recipients that the header does not name come across, and nobody is shown them', () => {
  const text = written(['b@y.org', 'secret@y.org'])
  expect(text).toMatch(
    /^Return-Path: <a@x.org>\nResent-From: a@x.org\nResent-Date: .*\nResent-Bcc: /,
  )
  expect(readOf(text)).toMatchObject({
    from: 'a@x.org',
    recipients: ['b@y.org', 'secret@y.org'],
    body: expect.not.stringContaining('secret'),
  })
})

test('to whom a message was resent before does not get it once more', () => {
  const text = written(['c@y.org'], 'a@x.org', `Resent-To: b@y.org\r\n${MESSAGE}`)
  expect(readOf(text)?.recipients).toEqual(['c@y.org'])
})

test('a report keeps its null sender', () => {
  expect(readOf(written(['b@y.org', 'c@z.org'], ''))?.from).toBeUndefined()
})

test.each([
  ['Return-Path: <r@x>\nFrom: f@x\nTo: b@y\n\n', 'r@x'],
  ['Sender: s@x\nFrom: f@x\nTo: b@y\n\n', 's@x'],
  ['From: f@x, g@x\nTo: b@y\n\n', 'f@x'],
  ['To: b@y\n\n', undefined],
])('the sender of %j', (text, from) => {
  expect(readOf(text)?.from).toBe(from)
})

test('of the recipients only those that are for this host, each once, Bcc among them and left out', () => {
  const text = 'From: f@x\nTo: b@y, B@y, other@elsewhere, list: d@y;\nBCC: e@y\n\nHello\n'
  expect(readOf(text, (domain) => domain === 'y')).toEqual({
    from: 'f@x',
    recipients: ['B@y', 'd@y', 'e@y'],
    body: 'From: f@x\r\nTo: b@y, B@y, other@elsewhere, list: d@y;\r\n\r\nHello\r\n',
  })
})

test.each([
  ['no header', 'hello\n'],
  ['nobody here', 'From: f@x\nTo: b@elsewhere\n\n'],
])('nothing is made of a message with %s', (_, text) => {
  expect(readOf(text, (domain) => domain === 'y')).toBeUndefined()
})

test('a batch of SMTP is known by how it begins', () => {
  expect(isBatch(fromUtf8('MAIL FROM:<a@x>\r\n'))).toBe(true)
  expect(isBatch(fromUtf8('ehlo x\r\n'))).toBe(true)
  expect(isBatch(fromUtf8('From: a@x\r\n'))).toBe(false)
})

test('property: no bytes make the reading throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void readBpmail(bytes, () => true)),
  )
})

test('property: the envelope comes out as it went in', () => {
  const address = fc.stringMatching(/^[a-z]{1,8}@[a-z]{1,8}\.org$/)
  fc.assert(
    fc.property(address, fc.uniqueArray(address, { minLength: 1, maxLength: 40 }), (from, to) => {
      expect(readOf(written(to, from))).toMatchObject({ from, recipients: to })
    }),
  )
})
