import type { ImapCommand } from './command.ts'
import type { SearchKey } from './search.ts'

/** Whether a client shows by this command that it knows of mod-sequences. RFC 7162 §3.1. */
export function enablesCondstore(command: ImapCommand): boolean {
  switch (command.verb) {
    case 'SELECT':
    case 'EXAMINE':
      return command.condstore || command.qresync !== undefined
    case 'STATUS':
      return command.items.includes('HIGHESTMODSEQ')
    case 'LIST':
      return command.status?.includes('HIGHESTMODSEQ') ?? false
    case 'STORE':
      return command.unchangedSince !== undefined
    case 'SEARCH':
    case 'SORT':
    case 'THREAD':
      return asksForModseq(command.key)
    case 'FETCH': {
      const { changedSince, items } = command
      const asks = items.some((item) => item.type === 'attribute' && item.name === 'MODSEQ')
      return asks || changedSince !== undefined
    }
    default:
      return false
  }
}

/** A search by mod-sequences tells the highest it found. RFC 7162 §3.1.5. */
export function asksForModseq(key: SearchKey): boolean {
  switch (key.type) {
    case 'modseq':
      return true
    case 'and':
      return key.keys.some(asksForModseq)
    case 'or':
      return asksForModseq(key.left) || asksForModseq(key.right)
    case 'not':
      return asksForModseq(key.key)
    default:
      return false
  }
}
