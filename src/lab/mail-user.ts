/** A person's mail program, as far as the lab needs one: submits a mail, fetches a maildrop. */

import { concat } from '../base/bytes.ts'
import { Fault } from '../base/fault.ts'
import { runSession } from '../drive/session.ts'
import type { Clock } from '../ports/clock.ts'
import type { Network, SocketAddress } from '../ports/network.ts'
import { Pop3Client } from '../proto/pop3/client.ts'
import type { Credentials } from '../proto/sasl/mechanism.ts'
import { SmtpClient } from '../proto/smtp/client.ts'
import type { Mailbox, MailFrom, RecipientParameters } from '../proto/smtp/envelope.ts'
import type { Reply } from '../proto/smtp/reply.ts'
import type { LabFaultCode } from './fault.ts'
import { CONNECT_TIMEOUT_MS } from './limits.ts'

/** Where a program runs and which server it talks to. */
export interface MailUserPorts {
  readonly network: Network
  readonly clock: Clock
}

export interface SubmissionSession {
  readonly server: SocketAddress
  /** What the program calls its machine. */
  readonly hostname: string
  readonly credentials: Credentials
}

export interface SubmittedMail {
  readonly from: MailFrom
  readonly recipients: readonly Mailbox[]
  /** Those of the recipient at the same place; default: none. */
  readonly recipientParameters?: readonly RecipientParameters[]
  /** Lines end in CRLF. */
  readonly message: Uint8Array
}

export interface Submission extends SubmissionSession, SubmittedMail {}

/** One reply for each recipient, 2xx where the server has taken the mail over. Rejects with a Fault. */
export async function submitMail(
  submission: Submission,
  ports: MailUserPorts,
): Promise<readonly Reply[]> {
  const [replies = []] = await submitMails(submission, [submission], ports)
  return replies
}

/** The same for each of several mails, one after another in one session. */
export async function submitMails(
  { server, hostname, credentials }: SubmissionSession,
  mails: readonly SubmittedMail[],
  ports: MailUserPorts,
): Promise<readonly (readonly Reply[])[]> {
  const stream = await ports.network.connect(server, CONNECT_TIMEOUT_MS)
  return new Promise((resolve, reject) => {
    const settled: (readonly Reply[])[] = []
    let unsent: Uint8Array | undefined
    const machine = new SmtpClient({ hostname, credentials })
    runSession(machine, stream, ports.clock, (effect, answer) => {
      switch (effect.type) {
        case 'ready': {
          const mail = mails[settled.length]
          unsent = mail?.message
          answer(mail === undefined ? { type: 'quit' } : { type: 'mail', ...mail })
          break
        }
        case 'more-body':
          answer(unsent === undefined ? { type: 'body-end' } : { type: 'body', bytes: unsent })
          unsent = undefined
          break
        case 'settled':
          settled.push(effect.replies)
          break
        case 'failed':
          reject(effect.fault)
          break
        case 'finished':
          resolve(settled)
      }
    })
  })
}

export interface FetchedMail {
  /** Undefined where the server has no UIDL. */
  readonly uid: string | undefined
  readonly message: Uint8Array
}

/**
 * All that is in a maildrop, which keeps it but for what is `unwanted`. Rejects with a Fault, also where
 * the maildrop has not removed that.
 */
export async function fetchMail(
  server: SocketAddress,
  credentials: Credentials,
  ports: MailUserPorts,
  unwanted: (mail: FetchedMail) => boolean = () => false,
): Promise<readonly FetchedMail[]> {
  const stream = await ports.network.connect(server, CONNECT_TIMEOUT_MS)
  return new Promise((resolve, reject) => {
    const uids = new Map<number, string | undefined>()
    const bodies = new Map<number, Uint8Array[]>()
    const mailOf = (number: number): FetchedMail => ({
      uid: uids.get(number),
      message: concat(...(bodies.get(number) ?? [])),
    })
    const notRetrieved = (reason: string): Fault<LabFaultCode> =>
      new Fault('lab/not-retrieved', reason, { temporary: true })
    runSession(new Pop3Client(credentials), stream, ports.clock, (effect, answer) => {
      switch (effect.type) {
        case 'maildrop':
          for (const { number, uid } of effect.messages) uids.set(number, uid)
          answer({ type: 'retrieve', numbers: [...uids.keys()] })
          break
        case 'body':
          bodies.set(effect.number, [...(bodies.get(effect.number) ?? []), effect.bytes.slice()])
          break
        case 'message':
          break
        case 'not-retrieved':
          reject(notRetrieved(effect.reason))
          break
        case 'retrieved':
          answer({
            type: 'finish',
            remove: [...bodies.keys()].filter((number) => unwanted(mailOf(number))),
          })
          break
        case 'finished':
          if (effect.removedAll) resolve([...bodies.keys()].map(mailOf))
          else reject(notRetrieved('not all was removed'))
          break
        case 'failed':
          reject(effect.fault)
      }
    })
  })
}
