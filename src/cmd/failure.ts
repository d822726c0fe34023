import { Failure } from '../base/failure.ts'
import { Fault } from '../base/fault.ts'

export { Failure } from '../base/failure.ts'

/** Exit statuses, as in the `--help` of every command. */
export const EXIT = {
  ok: 0,
  /** It was understood, and did not work. */
  failed: 1,
  /** It was not understood: an option, a value, a file. */
  usage: 2,
} as const

export type ExitStatus = (typeof EXIT)[keyof typeof EXIT]

/** Does `work`; a Fault of it ends the command in its own words. */
export async function told<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof Fault) throw new Failure(EXIT.failed, error.message)
    throw error
  }
}

/** What the operating system said, in words a person expects. */
export function reasonOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code
  switch (code) {
    case 'ENOENT':
      return 'no such file or directory'
    case 'EACCES':
    case 'EPERM':
      return 'permission denied'
    case 'ENOSPC':
      return 'no space left'
    case 'ENOTDIR':
      return 'not a directory'
    case 'EROFS':
      return 'read-only file system'
    case 'EISDIR':
      return 'is a directory'
    default:
      return error instanceof Error ? error.message : String(error)
  }
}
