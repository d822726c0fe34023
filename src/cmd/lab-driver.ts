/** Lets the time of a lab pass beside that of the wall, and puts into it what comes from outside. */

import { monoMs } from '../base/time.ts'
import { hostClock } from '../host/clock.ts'
import { LabDesk, type LabInput, type LabOutput } from '../lab/desk.ts'
import type { Lab } from '../lab/lab.ts'
import { formatLine, placeOf, type RecordingLine } from '../lab/recording.ts'

/** Virtual seconds in a second, or as many as there is time for. */
export type Speed = number | 'max'

export interface LabDriverOptions {
  readonly lab: Lab
  readonly speed: Speed
  readonly hear: (output: LabOutput) => void
  /** Takes a line for each input. */
  readonly record?: (line: string) => void
}

export class LabDriver {
  readonly desk: LabDesk
  readonly #options: LabDriverOptions
  readonly #inputs: { readonly input: LabInput; readonly applied: () => void }[] = []
  /** When both clocks stood where. */
  #began: { readonly wall: number; readonly virtual: number } | undefined
  #isStopped = false
  #wake = (): void => {}

  /** `lab` has been started. */
  constructor(options: LabDriverOptions) {
    this.#options = options
    this.desk = new LabDesk(options.lab, options.hear)
  }

  /** Virtual milliseconds: also where nothing has happened for a while. */
  get now(): number {
    const due = this.#due
    return due - this.#behind(due)
  }

  /** Virtual milliseconds that the lab should be further at its speed, and the machine is too slow for. */
  get behindMs(): number {
    return this.#behind(this.#due)
  }

  #behind(due: number): number {
    const { world } = this.#options.lab
    return (world.nextAt ?? due) < due ? due - world.now() : 0
  }

  /** What time it should be in the lab, in milliseconds. */
  get #due(): number {
    const { lab, speed } = this.#options
    if (this.#began === undefined || speed === 'max') return lab.world.now()
    return this.#began.virtual + (hostClock.now() - this.#began.wall) * speed
  }

  /** It comes to be as soon as the present event is over; resolves then. */
  post(input: LabInput): Promise<void> {
    return new Promise((applied) => {
      this.#inputs.push({ input, applied })
      this.#wake()
    })
  }

  /** `run` resolves; the lab stays as it is. */
  stop(): void {
    this.#isStopped = true
    this.#wake()
  }

  /** Rejects with what a callback of the lab throws. */
  async run(): Promise<void> {
    const { world } = this.#options.lab
    const { speed } = this.#options
    this.#began = { wall: hostClock.now(), virtual: world.now() }
    while (!this.#isStopped) {
      const pause = world.eventCount + EVENTS_AT_ONCE
      const isEnough = (): boolean =>
        this.#isStopped || this.#inputs.length > 0 || world.eventCount >= pause
      // Who has fallen behind hears what comes from outside all the same.
      if (speed === 'max') await world.run(isEnough)
      else await world.run(monoMs(this.#due), isEnough)
      if (this.#isStopped) break
      const next = this.#inputs.shift()
      if (next !== undefined) {
        this.#apply(next.input)
        next.applied()
      } else await this.#pause()
    }
  }

  /** One at a time: what it sets off at once has settled before the next. */
  #apply(input: LabInput): void {
    const { lab, record } = this.#options
    const line: RecordingLine = { ...placeOf(lab), input }
    record?.(formatLine(line))
    this.desk.apply(input)
  }

  /** Until something comes or is due. */
  #pause(): Promise<void> {
    const { nextAt } = this.#options.lab.world
    const { speed } = this.#options
    return new Promise((resolve) => {
      let timer: NodeJS.Timeout | undefined
      this.#wake = () => {
        this.#wake = () => {}
        clearTimeout(timer)
        resolve()
      }
      if (nextAt === undefined) return
      if (speed === 'max') this.#wake()
      else {
        const delayMs = Math.max(0, Math.ceil((nextAt - this.#due) / speed))
        timer = setTimeout(this.#wake, Math.min(delayMs, TIMER_MS_MAX))
      }
    })
  }
}

/** Far fewer than a world takes for one that never rests: contacts may come again for ever. */
const EVENTS_AT_ONCE = 100_000

/** Who sleeps so long looks again. */
const TIMER_MS_MAX = 1_000_000
