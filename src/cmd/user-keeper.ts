import { asFault } from '../base/fault.ts'
import { versionOf } from '../host/private-file.ts'
import type { Account } from '../mail/accounts.ts'
import type { EventSink } from '../ports/events.ts'
import { readUsers } from './users-file.ts'

/** So soon is somebody who has been added able to log in. */
const LOOK_MS = 1000

/** Looks at the file now and then; a change that cannot be read is told, and all stays as it was. */
export function keepUsers(
  file: string,
  take: (accounts: readonly Account[]) => void,
  events: EventSink,
): () => void {
  let seen: string | undefined
  const look = (): void => {
    try {
      const version = versionOf(file)
      if (version === seen) return
      seen = version
      take(readUsers(file))
    } catch (error) {
      const reason =
        error instanceof Error && 'syscall' in error ? error.message : asFault(error).message
      events({ type: 'trouble', where: 'users', reason: `${reason}; those before go on` })
    }
  }
  seen = versionOf(file)
  const accounts = readUsers(file)
  take(accounts)
  if (accounts.length === 0) {
    const reason = `${file} has nobody yet: "lightlag user add NAME --config …" would be right`
    events({ type: 'trouble', where: 'users', reason })
  }
  const timer = setInterval(look, LOOK_MS)
  return () => clearInterval(timer)
}
