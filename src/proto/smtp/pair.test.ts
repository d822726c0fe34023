/** Our client against our server, joined in memory. */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { concat, fromLatin1, toLatin1 } from '../../base/bytes.ts'
import { monoMs } from '../../base/time.ts'
import { SmtpClient, type SmtpClientOptions } from './client.ts'
import type { Mailbox, MailFrom } from './envelope.ts'
import type { SmtpServerOptions, Verdict } from './question.ts'
import { SmtpServer } from './server.ts'

const NOW = monoMs(0)

interface Mail {
  readonly from: MailFrom
  readonly recipients: readonly Mailbox[]
  readonly body: string
}

interface Received {
  readonly from: MailFrom
  readonly user: string | undefined
  readonly recipients: Mailbox[]
  body: string
}

const SERVER: SmtpServerOptions = {
  hostname: 'b.com',
  role: 'submission',
  sizeBytesMax: 100_000,
  recipientsMax: 100,
  mechanisms: ['PLAIN', 'LOGIN'],
  requireAuthentication: true,
}
const CLIENT: SmtpClientOptions = {
  hostname: 'a.com',
  credentials: { user: 'user', password: '123456' },
}

/** Sends `mails` over one session, in pieces of at most `pieceBytes` in either direction. */
function transfer(mails: readonly Mail[], pieceBytes: number, serverOptions = SERVER) {
  const client = new SmtpClient(CLIENT)
  const server = new SmtpServer(serverOptions)
  const result = {
    accepted: [] as Received[],
    codes: [] as number[][],
    events: [] as string[],
    toClient: '',
    toServer: '',
    turns: 0,
  }
  const clientInbox: Parameters<SmtpClient['handle']>[0][] = [{ type: 'connected' }]
  const serverInbox: Parameters<SmtpServer['handle']>[0][] = [{ type: 'connected' }]
  let open: Received | undefined
  let next = 0
  let bodies: Uint8Array[] = []

  const runServer = (): Uint8Array[] => {
    const sent: Uint8Array[] = []
    for (let event = serverInbox.shift(); event !== undefined; event = serverInbox.shift()) {
      const answer = (verdict: Verdict): void => {
        serverInbox.unshift({ type: 'verdict', verdict })
      }
      for (const effect of server.handle(event, NOW)) {
        switch (effect.type) {
          case 'send':
            sent.push(effect.bytes)
            break
          case 'mail':
            open = { from: effect.from, user: effect.user, recipients: [], body: '' }
            answer({ ok: true })
            break
          case 'recipient':
            if (effect.recipient.localPart === 'nobody') {
              answer({ ok: false, reply: { code: 550, enhanced: '5.1.1', lines: ['unknown'] } })
            } else {
              open?.recipients.push(effect.recipient)
              answer({ ok: true })
            }
            break
          case 'body':
            if (open !== undefined) open.body += toLatin1(effect.bytes)
            break
          case 'end-of-data':
            if (open !== undefined) result.accepted.push(open)
            answer({ ok: true, queueId: 'Q' })
            break
          case 'authenticate':
          case 'data':
            answer({ ok: true })
            break
        }
      }
    }
    return sent
  }

  const runClient = (): Uint8Array[] => {
    const sent: Uint8Array[] = []
    for (let event = clientInbox.shift(); event !== undefined; event = clientInbox.shift()) {
      for (const effect of client.handle(event, NOW)) {
        if (effect.type === 'send') sent.push(effect.bytes)
        else result.events.push(effect.type)
        if (effect.type === 'settled') result.codes.push(effect.replies.map(({ code }) => code))
        if (effect.type === 'ready') {
          const mail = mails[next++]
          bodies = mail === undefined ? [] : cut(fromLatin1(mail.body), pieceBytes)
          clientInbox.unshift(mail === undefined ? { type: 'quit' } : { type: 'mail', ...mail })
        }
        if (effect.type === 'more-body') {
          const bytes = bodies.shift()
          // Where the cut says so the client is told of the end with the last piece.
          const isLast = bodies.length === 0 && pieceBytes % 2 === 1
          clientInbox.push(
            bytes === undefined ? { type: 'body-end' } : { type: 'body', bytes, isLast },
          )
          if (bytes !== undefined) clientInbox.push({ type: 'drained' })
        }
      }
    }
    return sent
  }

  for (;;) {
    const toClient = concat(...runServer())
    const toServer = concat(...runClient())
    if (toClient.length === 0 && toServer.length === 0) return result
    result.turns += toClient.length > 0 ? 1 : 0
    result.toClient += toLatin1(toClient)
    result.toServer += toLatin1(toServer)
    for (const bytes of cut(toClient, pieceBytes)) clientInbox.push({ type: 'bytes', bytes })
    for (const bytes of cut(toServer, pieceBytes)) serverInbox.push({ type: 'bytes', bytes })
  }
}

function cut(bytes: Uint8Array, pieceBytes: number): Uint8Array[] {
  const count = Math.ceil(bytes.length / pieceBytes)
  return Array.from({ length: count }, (_, i) =>
    bytes.subarray(i * pieceBytes, (i + 1) * pieceBytes),
  )
}

const USER: Mailbox = { localPart: 'user', domain: 'b.com' }
const NOBODY: Mailbox = { localPart: 'nobody', domain: 'b.com' }
const FROM: MailFrom = { reversePath: USER, parameters: { body: '8BITMIME' } }

test('a whole session with one mail takes six turns with PIPELINING (RFC 2920 §4)', () => {
  const { turns, codes, events, accepted } = transfer(
    [{ from: FROM, recipients: [USER, NOBODY], body: '.\r\ntext\r\n' }],
    1000,
  )
  expect(codes).toEqual([[250, 550]])
  expect(events).toEqual([
    'ready',
    'more-body',
    'more-body',
    'settled',
    'ready',
    'finished',
    'close',
  ])
  expect(accepted).toEqual([
    { from: FROM, user: 'user', recipients: [USER], body: '.\r\ntext\r\n' },
  ])
  // Greeting, EHLO, AUTH, the envelope, the message, QUIT.
  expect(turns).toBe(6)
})

test('a server that authenticates nobody is left', () => {
  const { events, accepted } = transfer([], 1000, { ...SERVER, mechanisms: [] })
  expect(events).toEqual(['failed', 'close'])
  expect(accepted).toEqual([])
})

const mailbox = fc.record({
  localPart: fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 12 }),
  domain: fc.constantFrom('a.com', 'b.com'),
})
const mail: fc.Arbitrary<Mail> = fc.record({
  from: fc.record({
    reversePath: fc.option(mailbox, { nil: undefined }),
    parameters: fc.record(
      { sizeBytes: fc.nat(9999), body: fc.constantFrom('7BIT' as const, '8BITMIME' as const) },
      { requiredKeys: [] },
    ),
  }),
  recipients: fc.array(fc.oneof(mailbox, fc.constant(NOBODY)), { minLength: 1, maxLength: 5 }),
  body: fc
    .array(fc.string({ unit: fc.constantFrom('.', 'a', 'é', '\0') }))
    .map((lines) => lines.map((line) => `${line}\r\n`).join('')),
})

test('property: every mail arrives as it was sent, however the bytes are cut', () => {
  fc.assert(
    fc.property(
      fc.array(mail, { maxLength: 4 }),
      fc.integer({ min: 1, max: 300 }),
      (mails, size) => {
        const { accepted, codes, events } = transfer(mails, size)
        const isKnown = ({ localPart }: Mailbox): boolean => localPart !== 'nobody'
        expect(accepted).toEqual(
          mails
            .map(({ from, recipients, body }) => {
              return { from, user: 'user', recipients: recipients.filter(isKnown), body }
            })
            .filter(({ recipients }) => recipients.length > 0),
        )
        expect(codes).toEqual(
          mails.map(({ recipients }) => recipients.map((known) => (isKnown(known) ? 250 : 550))),
        )
        expect(events.slice(-2)).toEqual(['finished', 'close'])
      },
    ),
  )
})

test('property: how the bytes are cut changes nothing in the dialogue', () => {
  fc.assert(
    fc.property(
      fc.array(mail, { maxLength: 3 }),
      fc.integer({ min: 1, max: 40 }),
      (mails, size) => {
        const whole = transfer(mails, 1_000_000)
        const small = transfer(mails, size)
        expect(small.toClient).toBe(whole.toClient)
        expect(small.toServer).toBe(whole.toServer)
        expect(small.codes).toEqual(whole.codes)
      },
    ),
  )
})
