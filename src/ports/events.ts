/**
 * Everything worth telling the operator, as one closed union: log lines, the demo's steps, counters
 * and diagrams are sinks of this one stream. Never in here: passwords and message bodies.
 */

import type { WallMs } from '../base/time.ts'

export type MailService =
  | 'smtp'
  | 'submission'
  | 'submissions'
  | 'lmtp'
  /** Programs of this machine hand mail in. */
  | 'pickup'
  /** Programs of this machine ask what waits. */
  | 'showq'
  | 'pop3'
  | 'pop3s'
  | 'imap'
  | 'imaps'
  /** Objects with mails, of far gateways. */
  | 'https'

export type MailRoute =
  | 'local'
  | 'bp'
  | 'carry'
  | 'https'
  | 'smtp'
  | 'lmtp'
  | 'pipe'
  | 'discard'
  | 'held'
  | 'error'

/** Where the time goes, in milliseconds. */
export interface Delays {
  /** Until it was accepted. */
  readonly receivingMs: number
  /** Waiting in the queue, between attempts too. */
  readonly queuedMs: number
  /** Name look-up, connection, greeting, TLS. */
  readonly connectingMs: number
  /** The message itself, until it was answered for. */
  readonly sendingMs: number
}

/** Who handed a mail in. */
export interface MailClient {
  readonly service: MailService
  readonly session: string
  /** Its address. */
  readonly peer: string
  /** As whom it had logged in. */
  readonly user?: string
}

/** How far a mail has come for a recipient, in Postfix's terms. */
export interface DeliveryProgress {
  /** Where it went or should go; absent where it went nowhere. */
  readonly relay?: string
  /** How it goes there. */
  readonly route?: MailRoute
  /** Since it began to come. */
  readonly delayMs?: number
  /** The parts of that. */
  readonly delays?: Delays
  /** The enhanced status code. RFC 3463. */
  readonly dsn?: string
}

export type HostEvent =
  | { readonly type: 'listening'; readonly service: string; readonly address: string }
  /** Everything is up: the listeners listen and the queue is worked off. */
  | { readonly type: 'started' }
  | { readonly type: 'stopped' }
  /** A file of the configuration was changed, and holds as it is now. */
  | { readonly type: 'reread'; readonly file: string }
  | {
      readonly type: 'session-opened'
      readonly service: MailService
      readonly session: string
      readonly peer: string
    }
  | {
      readonly type: 'session-closed'
      readonly service: MailService
      readonly session: string
      readonly peer: string
    }
  | {
      readonly type: 'session-refused'
      readonly service: MailService
      readonly peer: string
      readonly reason: string
    }
  | {
      readonly type: 'authenticated'
      readonly service: MailService
      readonly session: string
      readonly user: string
    }
  | {
      readonly type: 'authentication-failed'
      readonly service: MailService
      readonly session: string
      /** Its address. */
      readonly peer: string
      readonly user: string
    }
  | {
      readonly type: 'command-refused'
      readonly service: MailService
      readonly session: string
      /** Its address. */
      readonly peer: string
      readonly command: string
      readonly reply: string
    }
  /** The accept point: durable, about to be answered 250. `via` is `smtp`, `submission`, `report` for one of our own, or the EID it came from. */
  | {
      readonly type: 'mail-accepted'
      readonly queueId: string
      readonly via: string
      readonly from: string
      readonly recipients: readonly string[]
      readonly sizeBytes: number
      /** Absent where it did not come in a session. */
      readonly client?: MailClient
      readonly messageId?: string
      /** Of one of our own: what it tells the sender of another. */
      readonly reportOn?: {
        readonly queueId: string
        readonly kind: 'non-delivery' | 'delay' | 'delivery status'
      }
    }
  | ({
      readonly type: 'mail-delivered'
      readonly queueId: string
      readonly recipient: string
      readonly route: MailRoute
      readonly detail: string
    } & DeliveryProgress)
  | ({
      readonly type: 'mail-deferred'
      readonly queueId: string
      readonly recipient: string
      readonly reason: string
      readonly retryInMs: number
    } & DeliveryProgress)
  | ({
      readonly type: 'mail-failed'
      readonly queueId: string
      readonly recipient: string
      readonly reason: string
    } & DeliveryProgress)
  /** Every recipient is settled; the message has left the queue. */
  | { readonly type: 'mail-removed'; readonly queueId: string }
  | {
      readonly type: 'mail-retrieved'
      readonly session: string
      readonly user: string
      readonly uid: string
      readonly sizeBytes: number
    }
  | {
      readonly type: 'bundle-created'
      readonly bundle: string
      readonly destination: string
      readonly payloadBytes: number
      readonly lifetimeMs: number
    }
  | {
      readonly type: 'bundle-sent'
      readonly bundle: string
      readonly to: string
      /** When the contact ends that it went in, POSIX milliseconds; undefined where no contact is planned. */
      readonly contactUntil?: number
      readonly wireBytes: number
      readonly fragments: number
    }
  | {
      readonly type: 'bundle-received'
      readonly bundle: string
      readonly from: string
      readonly wireBytes: number
    }
  | {
      readonly type: 'bundle-delivered'
      readonly bundle: string
      readonly endpoint: string
      readonly payloadBytes: number
    }
  | { readonly type: 'bundle-refused'; readonly from: string; readonly reason: string }
  | { readonly type: 'bundle-deleted'; readonly bundle: string; readonly reason: string }
  /** Another node tells what became of a bundle; `wall` is when, where it says so. RFC 9171 §6.1.1. */
  | {
      readonly type: 'bundle-reported'
      readonly bundle: string
      readonly by: string
      readonly status: readonly ('received' | 'forwarded' | 'delivered' | 'deleted')[]
      readonly reason: string
      readonly wall?: WallMs
    }
  /** What travels without bundles has left: onto a stick, or to a server. */
  | {
      readonly type: 'parcel-sent'
      readonly parcel: string
      readonly to: string
      readonly wireBytes: number
    }
  /** The bridge put mails into a bundle, or what stands for one, held by the name of the object. */
  | {
      readonly type: 'object-sent'
      readonly object: string
      readonly to: string
      readonly bundle: string
      readonly mails: number
      /** Of the messages, as they were. */
      readonly messageBytes: number
      /** With their envelopes, packed. */
      readonly payloadBytes: number
    }
  /** This mail is in it; `transaction` names it on both sides. */
  | {
      readonly type: 'transaction-sent'
      readonly queueId: string
      readonly transaction: string
      readonly object: string
      readonly to: string
      readonly bundle: string
      /** As the contacts and ranges predict; absent where nobody knows. */
      readonly arrivalAt?: WallMs
    }
  | {
      readonly type: 'transaction-resent'
      readonly queueId: string
      readonly transaction: string
      readonly to: string
      readonly attempt: number
    }
  | {
      readonly type: 'transaction-taken'
      readonly transaction: string
      readonly from: string
      readonly queueId: string
    }
  | { readonly type: 'transaction-duplicate'; readonly transaction: string; readonly from: string }
  | {
      readonly type: 'transaction-acknowledged'
      readonly queueId: string
      readonly transaction: string
      readonly by: string
    }
  /** Something of ours or of the machine's went wrong; service goes on. */
  | { readonly type: 'trouble'; readonly where: string; readonly reason: string }

/** What mails for a gateway travel in: bundles where it has an endpoint ID, not where it has a name. */
export function vesselOf(gateway: string): 'bundle' | 'parcel' {
  return /^(?:ipn|dtn):/.test(gateway) ? 'bundle' : 'parcel'
}

export type EventSink = (event: HostEvent) => void
