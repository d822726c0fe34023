/** What the session asks of whoever knows maildrops, and what it is answered. */

import type { ScramKeys } from '../sasl/scram.ts'
import type { MaildropMessage } from './maildrop.ts'

/** Each but the last two is answered by one Pop3Answer; no further command is read until then. */
export type Pop3Question =
  /** Answered by `opened` or `not-opened`. */
  | {
      readonly type: 'open'
      readonly user: string
      /** Or what SCRAM has shown: that the client knows the password, or does not. */
      readonly password: string | { readonly isProven: boolean }
    }
  /** Answered by `scram-keys`. */
  | { readonly type: 'scram-keys'; readonly user: string }
  /** Bytes of message `number` as stored, from `offset` on. Answered by `chunk` or `unreadable`. */
  | {
      readonly type: 'read'
      readonly number: number
      readonly offset: number
      readonly lengthMax: number
    }
  /** Remove these and let go of the maildrop. Answered by `updated`. RFC 1939 §6. */
  | { readonly type: 'update'; readonly remove: readonly number[] }
  /** The whole of a RETR has been sent. */
  | { readonly type: 'retrieved'; readonly number: number }
  /** For the log; `command` is its keyword alone, for what follows may be a password. */
  | { readonly type: 'refused'; readonly command: string; readonly reply: string }

export type Pop3Answer = LoginAnswer | TextAnswer | UpdateAnswer

export type LoginAnswer =
  /** The maildrop is locked for this session alone. */
  | { readonly type: 'opened'; readonly messages: readonly MaildropMessage[] }
  | {
      readonly type: 'not-opened'
      readonly reason: 'credentials' | 'in-use' | 'too-soon' | 'trouble'
    }
  | { readonly type: 'scram-keys'; readonly keys: ScramKeys; readonly nonce: string }

export type TextAnswer =
  /** `bytes` are taken over. */
  | { readonly type: 'chunk'; readonly bytes: Uint8Array; readonly isLast: boolean }
  | { readonly type: 'unreadable' }

export type UpdateAnswer = { readonly type: 'updated'; readonly removedAll: boolean }
