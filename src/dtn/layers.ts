/** The convergence layers of a node, which may come and go while it runs. */

import type { ConvergenceLayer } from './convergence-layer.ts'

export class Layers {
  #layers: readonly ConvergenceLayer[]
  /** Starts one with whatever it tells going to the node; undefined until they are started. */
  #startOne: ((layer: ConvergenceLayer) => Promise<void>) | undefined

  constructor(layers: readonly ConvergenceLayer[]) {
    this.#layers = layers
  }

  get protocols(): readonly string[] {
    return [...new Set(this.#layers.map(({ protocol }) => protocol))]
  }

  /** The one that sends: the first of its protocol. */
  sender(protocol: string): ConvergenceLayer | undefined {
    return this.#layers.find((layer) => layer.protocol === protocol)
  }

  /** Rejects with a layer's Fault. */
  async start(startOne: (layer: ConvergenceLayer) => Promise<void>): Promise<void> {
    this.#startOne = startOne
    for (const layer of this.#layers) await startOne(layer)
  }

  /** Rejects with its Fault, and then it is not there. */
  async add(layer: ConvergenceLayer): Promise<void> {
    await this.#startOne?.(layer)
    this.#layers = [...this.#layers, layer]
  }

  /** What it had not sent is sent by another, where there is one. */
  async remove(layer: ConvergenceLayer): Promise<void> {
    this.#layers = this.#layers.filter((other) => other !== layer)
    await layer.stop()
  }

  async stop(): Promise<void> {
    await Promise.all(this.#layers.map((layer) => layer.stop()))
  }
}
