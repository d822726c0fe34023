/** Brings stored bundles to their convergence layers: the work behind the agent's `transmit`. */

import { Fault, type FaultOptions } from '../base/fault.ts'
import { addMs, type MonoMs } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import { BLOCK_TYPES, type Bundle, findBlock } from '../proto/bpv7/bundle.ts'
import { decodeBundle, encodeBundle } from '../proto/bpv7/codec.ts'
import { isNullEndpoint } from '../proto/bpv7/endpoint-id.ts'
import { fragmentBundle } from '../proto/bpv7/fragmentation.ts'
import { describeReason } from '../proto/bpv7/status-report.ts'
import { processForwarded, withAge } from './block-processing.ts'
import type { ConvergenceLayer } from './convergence-layer.ts'
import type { DtnFaultCode } from './fault.ts'
import { Pacer } from './pacer.ts'
import type { StaticPlan } from './static-plan.ts'

export interface OutboundBundle {
  /** As it is in the store; undefined where it is not there any more. */
  readonly bytes: Uint8Array | undefined
  readonly plan: StaticPlan
  /** How long it has been at this node already. */
  readonly residenceMs: number
}

export interface Transmitted {
  readonly wireBytes: number
  /** 1 for a bundle that went whole. */
  readonly fragments: number
}

export class Outbound {
  readonly #node: bigint
  readonly #clock: Clock
  readonly #layers: ReadonlyMap<string, ConvergenceLayer>
  readonly #pacers = new Map<StaticPlan, Pacer>()
  /** Ends each wait for a turn. */
  readonly #waits = new Set<() => void>()
  #isStopped = false

  /** Throws a Fault where a plan wants a convergence layer that is not there. */
  constructor(
    options: { readonly node: bigint; readonly plans: readonly StaticPlan[] },
    layers: readonly ConvergenceLayer[],
    clock: Clock,
  ) {
    this.#node = options.node
    this.#clock = clock
    this.#layers = new Map(layers.map((layer) => [layer.protocol, layer]))
    for (const plan of options.plans) {
      this.#layerOf(plan)
      const { rateBytesPerSec } = plan
      if (rateBytesPerSec !== undefined) this.#pacers.set(plan, new Pacer(rateBytesPerSec))
    }
  }

  /**
   * Resolves when all of the bundle has been handed over; rejects with a Fault: a temporary one is
   * the convergence layer's, any other means that this bundle can never go.
   */
  async transmit({ bytes, plan, residenceMs }: OutboundBundle): Promise<Transmitted> {
    const layer = this.#layerOf(plan)
    const arrivedAt = addMs(this.#clock.now(), -residenceMs)
    const stored = bytes === undefined ? undefined : decodeBundle(bytes)
    if (!stored?.ok) throw never('dtn/damaged', 'damaged in the store', { cause: stored?.fault })
    const processed = processForwarded(stored.value, this.#node)
    if (!processed.ok) {
      throw never('dtn/not-forwardable', describeReason(processed.status), {
        detail: { status: processed.status },
      })
    }
    if (plan.ipnOnly && speaksDtn(processed.bundle)) {
      throw never('dtn/not-forwardable', 'the neighbour knows no dtn-scheme names')
    }
    let [wireBytes, fragments] = [0, 0]
    for (const piece of cutToFit(processed.bundle, layer.bundleBytesMax)) {
      await this.#turn(plan, piece.bytes.length)
      // Its turn may have been long in coming, and the time until then counts too.
      const aged = withAge(piece.bundle, this.#clock.now() - arrivedAt)
      const bytes = aged === piece.bundle ? piece.bytes : encodeBundle(aged)
      wireBytes += bytes.length
      fragments++
      await handOver(layer, bytes, plan.duct)
    }
    return { wireBytes, fragments }
  }

  /** What waits for its turn goes at once, to layers that are stopped or about to be. */
  stop(): void {
    this.#isStopped = true
    for (const end of this.#waits) end()
  }

  async #turn(plan: StaticPlan, sizeBytes: number): Promise<void> {
    const now = this.#clock.now()
    const at = this.#pacers.get(plan)?.reserve(sizeBytes, now) ?? now
    if (at > now && !this.#isStopped) await this.#until(at)
  }

  #until(at: MonoMs): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.at(at, () => end())
      const end = (): void => {
        cancel()
        this.#waits.delete(end)
        resolve()
      }
      this.#waits.add(end)
    })
  }

  #layerOf(plan: StaticPlan): ConvergenceLayer {
    const layer = this.#layers.get(plan.protocol)
    if (layer !== undefined) return layer
    throw never('dtn/unknown-protocol', `no convergence layer for ${plan.protocol}/${plan.duct}`)
  }
}

interface Piece {
  readonly bundle: Bundle
  readonly bytes: Uint8Array
}

/** The bundle, or its fragments one after the other where it is too large. Throws a Fault. */
function* cutToFit(bundle: Bundle, bundleBytesMax: number): Iterable<Piece> {
  const isAging = findBlock(bundle, BLOCK_TYPES.bundleAge) !== undefined
  const bytesMax = bundleBytesMax - (isAging ? AGE_GROWTH_BYTES_MAX : 0)
  const whole = encodeBundle(bundle)
  if (whole.length <= bytesMax) {
    yield { bundle, bytes: whole }
    return
  }
  const fragments = fragmentBundle(bundle, bytesMax)
  if (!fragments.ok) throw never('dtn/not-forwardable', `too large, and ${fragments.fault.message}`)
  for (const fragment of fragments.value) {
    yield { bundle: fragment, bytes: encodeBundle(fragment) }
  }
}

/** An age may take a byte at first and nine in the end. */
const AGE_GROWTH_BYTES_MAX = 8

function speaksDtn({ primary }: Bundle): boolean {
  const { destination, source, reportTo } = primary
  return [destination, source, reportTo].some((e) => e.scheme === 'dtn' && !isNullEndpoint(e))
}

function handOver(layer: ConvergenceLayer, bundle: Uint8Array, duct: string): Promise<void> {
  return new Promise((resolve, reject) => {
    layer.transmit(bundle, duct, (fault) => {
      if (fault === undefined) resolve()
      else reject(fault)
    })
  })
}

function never(
  code: DtnFaultCode,
  message: string,
  more: Pick<FaultOptions, 'cause' | 'detail'> = {},
): Fault<DtnFaultCode> {
  return new Fault(code, message, { temporary: false, ...more })
}
