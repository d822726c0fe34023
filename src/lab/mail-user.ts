/** A person's mail program, as far as the lab needs one: submits a mail, fetches a maildrop. */

import { concat } from '../base/bytes.ts'
import { Fault } from '../base/fault.ts'
import { runSession } from '../drive/session.ts'
import type { Clock } from '../ports/clock.ts'
import type { Network, SocketAddress } from '../ports/network.ts'
import { Pop3Client } from '../proto/pop3/client.ts'
import type { Credentials } from '../proto/sasl/mechanism.ts'
import { SmtpClient } from '../proto/smtp/client.ts'
import type { Mailbox, MailFrom } from '../proto/smtp/envelope.ts'
import type { Reply } from '../proto/smtp/reply.ts'
import { CONNECT_TIMEOUT_MS } from './limits.ts'

/** Where a program runs and which server it talks to. */
export interface MailUserPorts {
  readonly network: Network
  readonly clock: Clock
}

export interface Submission {
  readonly server: SocketAddress
  /** What the program calls its machine. */
  readonly hostname: string
  readonly credentials: Credentials
  readonly from: MailFrom
  readonly recipients: readonly Mailbox[]
  /** Lines end in CRLF. */
  readonly message: Uint8Array
}

/** One reply for each recipient, 2xx where the server has taken the mail over. Rejects with a Fault. */
export async function submitMail(
  submission: Submission,
  ports: MailUserPorts,
): Promise<readonly Reply[]> {
  const { server, hostname, credentials, from, recipients, message } = submission
  const stream = await ports.network.connect(server, CONNECT_TIMEOUT_MS)
  return new Promise((resolve, reject) => {
    let replies: readonly Reply[] | undefined
    let unsent: Uint8Array | undefined = message
    const machine = new SmtpClient({ hostname, credentials })
    runSession(machine, stream, ports.clock, (effect, answer) => {
      switch (effect.type) {
        case 'ready':
          answer(replies === undefined ? { type: 'mail', from, recipients } : { type: 'quit' })
          break
        case 'more-body':
          answer(unsent === undefined ? { type: 'body-end' } : { type: 'body', bytes: unsent })
          unsent = undefined
          break
        case 'settled':
          replies = effect.replies
          break
        case 'failed':
          reject(effect.fault)
          break
        case 'finished':
          resolve(replies ?? [])
      }
    })
  })
}

export interface FetchedMail {
  /** Undefined where the server has no UIDL. */
  readonly uid: string | undefined
  readonly message: Uint8Array
}

/** All that is in a maildrop, which keeps it. Rejects with a Fault. */
export async function fetchMail(
  server: SocketAddress,
  credentials: Credentials,
  ports: MailUserPorts,
): Promise<readonly FetchedMail[]> {
  const stream = await ports.network.connect(server, CONNECT_TIMEOUT_MS)
  return new Promise((resolve, reject) => {
    const uids = new Map<number, string | undefined>()
    const bodies = new Map<number, Uint8Array[]>()
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
          reject(new Fault('lab/not-retrieved', effect.reason, { temporary: true }))
          break
        case 'retrieved':
          answer({ type: 'finish', remove: [] })
          break
        case 'finished':
          resolve(
            [...bodies].map(([number, parts]) => ({
              uid: uids.get(number),
              message: concat(...parts),
            })),
          )
          break
        case 'failed':
          reject(effect.fault)
      }
    })
  })
}
