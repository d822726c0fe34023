/** Which command may come when. RFC 9051 §3, §6. */

import type { Modes } from './capability.ts'
import type { ImapCommand } from './command.ts'

/** How far a session has come. */
export interface Progress {
  readonly isSecured: boolean
  readonly canSecure: boolean
  readonly isLoggedIn: boolean
  readonly isSelected: boolean
  readonly modes: Modes
}

/** Why it is out of place; undefined where it is not. */
export function objectionTo(command: ImapCommand, session: Progress): string | undefined {
  switch (command.verb) {
    case 'CAPABILITY':
    case 'LOGOUT':
    case 'NOOP':
    case 'ID':
      return undefined
    case 'STARTTLS':
      if (session.isLoggedIn || session.isSecured) return 'too late for STARTTLS'
      return !session.canSecure ? 'no certificate here' : undefined
    case 'LOGIN':
    case 'AUTHENTICATE':
      return session.isLoggedIn ? 'already logged in' : undefined
    case 'ENABLE':
      if (!session.isLoggedIn) return 'log in first'
      return session.isSelected ? 'ENABLE comes before a mailbox is selected' : undefined
    case 'CHECK':
    case 'CLOSE':
    case 'UNSELECT':
    case 'EXPUNGE':
    case 'SEARCH':
    case 'SORT':
    case 'THREAD':
    case 'FETCH':
    case 'STORE':
    case 'COPY':
    case 'MOVE':
      if (!session.isSelected) return 'select a mailbox first'
      if (command.verb === 'FETCH' && command.vanished && !session.modes.qresync) {
        return 'VANISHED needs ENABLE QRESYNC'
      }
      return undefined
    case 'SELECT':
    case 'EXAMINE':
      if (!session.isLoggedIn) return 'log in first'
      return command.qresync !== undefined && !session.modes.qresync
        ? 'QRESYNC needs ENABLE QRESYNC'
        : undefined
    default:
      return session.isLoggedIn ? undefined : 'log in first'
  }
}
