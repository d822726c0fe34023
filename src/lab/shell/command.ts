/** What a command in the lab's shell is, and what it has to work with. */

import { fromUtf8 } from '../../base/bytes.ts'
import { absolutePath } from '../../base/path.ts'
import type { Clock } from '../../ports/clock.ts'
import type { OwnerDirectories } from '../../ports/local-users.ts'
import type { Network, SocketAddress } from '../../ports/network.ts'
import type { LabHost } from '../host.ts'
import type { ProcessIo, ProcessPorts } from '../process.ts'
import type { ShownFiles } from './files.ts'

/** Resolves with the exit status; rejects with a Failure, or a Fault of whatever it asked. */
export type Command = (
  args: readonly string[],
  io: CommandIo,
  session: ShellSession,
) => Promise<number>

export interface CommandIo extends ProcessIo {
  /** Somebody types, or looks at what is printed, on a terminal. */
  readonly terminal: { readonly input: boolean; readonly output: boolean }
}

/** The host on which it runs. */
export interface CommandHost extends Omit<ProcessPorts, 'directory'> {
  readonly clock: Clock
  readonly network: Network
  readonly files: ShownFiles
  readonly machine: LabHost
  readonly owners: OwnerDirectories
  /** Where the host takes mail of programs. */
  readonly pickup: SocketAddress
}

/** Who types, and where they are. */
export interface ShellSession {
  readonly host: CommandHost
  readonly user: string
  directory: string
}

export function homeOf(user: string): string {
  return user === 'root' ? '/root' : `/home/${user}`
}

export function pathIn({ directory }: ShellSession, path: string): string {
  return absolutePath(path, directory)
}

export function say({ output }: Pick<CommandIo, 'output'>, text: string): void {
  output(fromUtf8(text))
}

export function complain({ errors }: Pick<CommandIo, 'errors'>, text: string): void {
  errors(fromUtf8(`${text}\n`))
}
