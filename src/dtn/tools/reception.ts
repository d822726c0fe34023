/** What comes to a tool, one thing at a time: ION's bp_receive and the ways in which it returns. */

import type { MonoMs } from '../../base/time.ts'
import type { Clock } from '../../ports/clock.ts'
import type { EndpointId } from '../../proto/bpv7/endpoint-id.ts'
import type { Received } from '../control/node-client.ts'
import type { ToolPorts } from './tool.ts'

export type Reception =
  | { readonly type: 'payload'; readonly received: Received }
  /** Once, at Ctrl-C. */
  | { readonly type: 'interrupted' }
  /** The node has gone; nothing more comes. */
  | { readonly type: 'stopped' }
  | { readonly type: 'timed-out' }

/** One endpoint opened by a tool. */
export class Receiver {
  readonly #clock: Clock
  readonly #come: Reception[] = []
  #isStopped = false
  #wait: ((reception: Reception) => void) | undefined

  private constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Rejects with the node's Fault: unknown or occupied. */
  static async open(
    endpoint: EndpointId,
    { client, clock, interrupted }: Pick<ToolPorts, 'client' | 'clock' | 'interrupted'>,
  ): Promise<Receiver> {
    const receiver = new Receiver(clock)
    client.onOver = () => {
      receiver.#isStopped = true
      receiver.#hear({ type: 'stopped' })
    }
    interrupted.then(
      () => receiver.#hear({ type: 'interrupted' }),
      () => {},
    )
    await client.open(endpoint, (received) => receiver.#hear({ type: 'payload', received }))
    return receiver
  }

  /** The next that comes, or `timed-out` at `until`. */
  next(until?: MonoMs): Promise<Reception> {
    const come = this.#come.shift()
    if (come !== undefined) return Promise.resolve(come)
    if (this.#isStopped) return Promise.resolve({ type: 'stopped' })
    return new Promise((resolve) => {
      const cancel =
        until === undefined
          ? (): void => {}
          : this.#clock.at(until, () => this.#hear({ type: 'timed-out' }))
      this.#wait = (reception) => {
        this.#wait = undefined
        cancel()
        resolve(reception)
      }
    })
  }

  #hear(reception: Reception): void {
    if (this.#wait !== undefined) this.#wait(reception)
    else if (reception.type !== 'timed-out') this.#come.push(reception)
  }
}
