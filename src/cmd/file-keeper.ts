import { asFault } from '../base/fault.ts'
import { versionOf } from '../host/private-file.ts'
import type { EventSink } from '../ports/events.ts'

export interface KeptFile<Value> {
  readonly file: string
  /** As the log names it: `users`. */
  readonly what: string
  /** Throws a Fault or the system's error. */
  readonly read: () => Value
  readonly take: (value: Value) => void
}

/** So soon is a change noticed: who has been added can log in. */
const LOOK_MS = 1000

/**
 * Reads the file, and again whenever it is another; a change that cannot be read is told, and all
 * stays as it was. Throws what the first reading throws. The result ends it.
 */
export function keepFile<Value>(
  { file, what, read, take }: KeptFile<Value>,
  events: EventSink,
): () => void {
  let seen = versionOf(file)
  take(read())
  const look = (): void => {
    try {
      const version = versionOf(file)
      if (version === seen) return
      seen = version
      take(read())
    } catch (error) {
      const reason = isOfSystem(error) ? error.message : asFault(error).message
      events({ type: 'trouble', where: what, reason: `${reason}; what was before goes on` })
    }
  }
  const timer = setInterval(look, LOOK_MS)
  return () => clearInterval(timer)
}

function isOfSystem(error: unknown): error is Error {
  return error instanceof Error && 'syscall' in error
}
