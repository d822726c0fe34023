/** What the session asks of whoever knows accounts and mailboxes, and what it is answered. */

import type { LoginQuestion } from '../sasl/dialogue.ts'
import type { ScramKeys } from '../sasl/scram.ts'
import type { AppendedMessage } from './append.ts'
import type { Modes } from './capability.ts'
import type { AccountCommand, MailboxCommand, SessionCommand } from './command.ts'
import type { Completion } from './response.ts'

/** A command that whoever knows the mailboxes carries out. */
export type RunnableCommand =
  | AccountCommand
  | MailboxCommand
  | Extract<SessionCommand, { readonly verb: 'NOOP' | 'IDLE' }>

/** While one is open no further command is read. */
export type ImapQuestion =
  | LoginQuestion
  /** Answered by pieces, each after the first asked for by `more`, and at last by `finished`. */
  | {
      readonly type: 'run'
      readonly tag: string
      readonly command: RunnableCommand
      readonly modes: Modes
    }
  | { readonly type: 'more' }
  /** The client has said DONE: the IDLE is to end. */
  | { readonly type: 'done' }
  /** Whether there is such a mailbox and who may add to it. Answered by `go-on` or `finished`. */
  | { readonly type: 'append'; readonly mailbox: string; readonly modes: Modes }
  /** Its octets follow in `body`. Answered by `go-on` or `finished`. */
  | { readonly type: 'append-message'; readonly message: AppendedMessage }
  | { readonly type: 'body'; readonly bytes: Uint8Array }
  /** Answered by pieces and `finished`, as `run` is. */
  | { readonly type: 'append-commit' }
  /** What was appended is forgotten. Not answered. */
  | { readonly type: 'append-abort' }
  /** For the log. */
  | { readonly type: 'refused'; readonly command: string; readonly reply: string }

export type LoginAnswer =
  | { readonly type: 'verdict'; readonly verdict: 'accepted' | 'refused' | 'not-now' }
  | { readonly type: 'scram-keys'; readonly keys: ScramKeys; readonly nonce: string }

export type ImapAnswer =
  | LoginAnswer
  /** Whole responses, or a part of one that goes on in the next piece. The bytes are taken over. */
  | { readonly type: 'piece'; readonly bytes: Uint8Array }
  | { readonly type: 'go-on' }
  | {
      readonly type: 'finished'
      readonly completion: Completion
      /** Whether a mailbox is selected now; undefined: as before. */
      readonly selected?: boolean | undefined
    }
  /** The service ends. */
  | { readonly type: 'shut-down' }
