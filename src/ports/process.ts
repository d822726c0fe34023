/** Programs that are started, given something to read, and waited for. `host` has those of its disk, `lab` a table. */

import { Fault } from '../base/fault.ts'

/** Temporary: whoever runs the host can mend it. */
export type ProcessFaultCode = 'process/not-started'

export interface Processes {
  /** Resolves once it runs; rejects with a Fault where it cannot. */
  start(options: ProcessOptions): Promise<Process>
}

export interface ProcessOptions {
  /** The path of the program, and its arguments just as they are: there is no shell in between. */
  readonly argv: readonly string[]
  /** All that it finds in its environment. */
  readonly environment: Readonly<Record<string, string>>
  /** Whose rights it has. Default: those of this host, unless that is the superuser. */
  readonly user?: string | undefined
  /** Of what it writes to its standard output and standard error; the rest is thrown away. */
  readonly outputBytesMax: number
}

export interface Process {
  /** Takes the bytes over; resolves when more are wanted, or when nobody reads them. */
  write(bytes: Uint8Array): Promise<void>
  /** Nothing more comes to its standard input. */
  end(): void
  /** At once, with all that it has started in its group. */
  kill(): void
  /** When it is over, and its output has been read. */
  readonly ended: Promise<ProcessEnd>
}

export interface ProcessEnd {
  /** Its exit status, or the name of the signal that ended it. */
  readonly by: number | string
  readonly output: Uint8Array
}

export function processFault(message: string): Fault<ProcessFaultCode> {
  return new Fault('process/not-started', message, { temporary: true })
}
