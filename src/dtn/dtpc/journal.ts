import { asFault, type Fault } from '../../base/fault.ts'
import { addMs } from '../../base/time.ts'
import type { Clock } from '../../ports/clock.ts'
import type { EventSink } from '../../ports/events.ts'
import type { Store, StoreChange } from '../../ports/store.ts'
import { CHANGES_TOGETHER_MAX, COMMIT_AGAIN_MS } from './limits.ts'

interface Entry {
  readonly changes: readonly StoreChange[]
  readonly resolve: () => void
  readonly reject: (fault: Fault) => void
}

/**
 * Brings changes to the disk in the order in which they were given, and tries until the disk takes
 * them: what is in memory is ahead of the disk by these, and by nothing else.
 */
export class Journal {
  readonly #ports: { readonly store: Store; readonly clock: Clock; readonly events: EventSink }
  #waiting: Entry[] = []
  #underWay: Promise<void> | undefined
  #isStopped = false
  #wake = (): void => {}

  constructor(ports: {
    readonly store: Store
    readonly clock: Clock
    readonly events: EventSink
  }) {
    this.#ports = ports
  }

  /** Resolves when they and all before them are on the disk; rejects only when it is stopped first. */
  commit(changes: readonly StoreChange[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ changes, resolve, reject })
      this.#underWay ??= this.#work()
    })
  }

  /** What the disk does not take now is left to the next run, which is told by whoever gave it. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#wake()
    await this.#underWay
  }

  async #work(): Promise<void> {
    // What happens in one turn goes to the disk together.
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, CHANGES_TOGETHER_MAX)
      const fault = await this.#write(batch.flatMap(({ changes }) => changes))
      for (const { resolve, reject } of batch) {
        if (fault === undefined) resolve()
        else reject(fault)
      }
    }
    this.#underWay = undefined
  }

  async #write(changes: readonly StoreChange[]): Promise<Fault | undefined> {
    if (changes.length === 0) return undefined
    for (;;) {
      try {
        await this.#ports.store.commit(changes)
        return undefined
      } catch (error) {
        const fault = asFault(error)
        if (this.#isStopped || fault.code === 'store/closed') return fault
        this.#ports.events({ type: 'trouble', where: 'dtpc', reason: fault.message })
        await this.#pause()
      }
    }
  }

  #pause(): Promise<void> {
    const { clock } = this.#ports
    return new Promise((resolve) => {
      const cancel = clock.at(addMs(clock.now(), COMMIT_AGAIN_MS), resolve)
      this.#wake = () => {
        cancel()
        resolve()
      }
    })
  }
}
