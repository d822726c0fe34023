import { ByteQueue } from '../base/byte-queue.ts'
import type { Clock } from '../ports/clock.ts'
import { type Process, type ProcessEnd, type Processes, processFault } from '../ports/process.ts'
import { soon } from './world.ts'

/** What a program of the lab does; it may take its time, and forever is a time as well. */
export type LabProgram = (run: LabRun) => Promise<LabProgramEnd>

export interface LabRun {
  readonly argv: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly clock: Clock
  /** All of its standard input, once that has ended. */
  readonly input: Promise<Uint8Array>
}

export interface LabProgramEnd {
  readonly status: number
  readonly output?: Uint8Array
}

/** A table of programs by their paths that a host has; it may change meanwhile. */
export function labProcesses(programs: ReadonlyMap<string, LabProgram>, clock: Clock): Processes {
  return {
    start: async ({ argv, environment, outputBytesMax }) => {
      const program = programs.get(argv[0] ?? '')
      if (program === undefined) throw processFault(`cannot start ${argv[0]}: ENOENT`)
      return new LabProgramRun(program, { argv, environment, clock }, outputBytesMax)
    },
  }
}

class LabProgramRun implements Process {
  readonly ended: Promise<ProcessEnd>
  readonly #clock: Clock
  readonly #input = new ByteQueue()
  #endInput = (): void => {}
  #kill = (): void => {}

  constructor(program: LabProgram, run: Omit<LabRun, 'input'>, outputBytesMax: number) {
    this.#clock = run.clock
    const input = new Promise<Uint8Array>((resolve) => {
      this.#endInput = () => resolve(this.#input.takeAll())
    })
    const killed = new Promise<ProcessEnd>((resolve) => {
      this.#kill = () => resolve({ by: 'SIGKILL', output: new Uint8Array(0) })
    })
    const done = program({ ...run, input }).then(({ status, output = new Uint8Array(0) }) => ({
      by: status,
      output: output.slice(0, outputBytesMax),
    }))
    this.ended = Promise.race([done, killed])
  }

  write(bytes: Uint8Array): Promise<void> {
    this.#input.append(bytes)
    return new Promise((resolve) => soon(this.#clock, resolve))
  }

  end(): void {
    this.#endInput()
  }

  kill(): void {
    this.#kill()
  }
}
