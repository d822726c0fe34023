/** Brings stored bundles to their convergence layers: the work behind the agent's `transmit`. */

import { Fault, type FaultOptions } from '../base/fault.ts'
import { addMs } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import { BLOCK_TYPES, type Bundle, findBlock } from '../proto/bpv7/bundle.ts'
import { decodeBundle, encodeBundle } from '../proto/bpv7/codec.ts'
import { isNullEndpoint } from '../proto/bpv7/endpoint-id.ts'
import { fragmentBundle } from '../proto/bpv7/fragmentation.ts'
import { describeReason } from '../proto/bpv7/status-report.ts'
import { processForwarded, withAge } from './block-processing.ts'
import type { ContactWindow } from './contact-window.ts'
import type { ConvergenceLayer } from './convergence-layer.ts'
import type { DtnFaultCode } from './fault.ts'
import type { Layers } from './layers.ts'
import { neighbourOf, type StaticPlan } from './static-plan.ts'
import { Turnstile } from './turnstile.ts'

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
  readonly #layers: Layers
  /** By neighbour. */
  readonly #turnstiles = new Map<bigint, Turnstile>()

  constructor(node: bigint, layers: Layers, clock: Clock) {
    this.#node = node
    this.#clock = clock
    this.#layers = layers
  }

  /** Throws a Fault where a plan wants a convergence layer that is not there. */
  setPlan(plan: StaticPlan): void {
    this.#layerOf(plan)
    this.#turnstileOf(plan).setRate(plan.rateBytesPerSec)
  }

  setWindow(neighbour: bigint, window: ContactWindow | undefined): void {
    this.#turnstiles.get(neighbour)?.setWindow(window)
  }

  /** No plan leads to it any more. */
  forget(neighbour: bigint): void {
    const fault = new Fault<DtnFaultCode>('dtn/no-plan', 'its plan was removed', {
      temporary: true,
    })
    this.#turnstiles.get(neighbour)?.close(fault)
    this.#turnstiles.delete(neighbour)
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
    const turnstile = this.#turnstileOf(plan)
    for (const piece of cutToFit(processed.bundle, layer.bundleBytesMax, turnstile.pieceBytesMax)) {
      const turn = turnstile.pass(piece.bytes.length)
      if (turn !== undefined) await turn
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
    for (const turnstile of this.#turnstiles.values()) turnstile.stop()
  }

  #turnstileOf(plan: StaticPlan): Turnstile {
    const neighbour = neighbourOf(plan)
    const turnstile = this.#turnstiles.get(neighbour) ?? new Turnstile(this.#clock)
    this.#turnstiles.set(neighbour, turnstile)
    return turnstile
  }

  #layerOf(plan: StaticPlan): ConvergenceLayer {
    const layer = this.#layers.sender(plan.protocol)
    if (layer !== undefined) return layer
    const message = `no convergence layer for ${plan.protocol}/${plan.duct}`
    throw new Fault<DtnFaultCode>('dtn/unknown-protocol', message, { temporary: true })
  }
}

interface Piece {
  readonly bundle: Bundle
  readonly bytes: Uint8Array
}

/**
 * The bundle, or its fragments one after the other where it is too large for the layer, which it must
 * not be, or for the contact, which it must be where it cannot be cut. Throws a Fault.
 */
function* cutToFit(
  bundle: Bundle,
  layerBytesMax: number,
  contactBytesMax: number,
): Iterable<Piece> {
  const isAging = findBlock(bundle, BLOCK_TYPES.bundleAge) !== undefined
  const growth = isAging ? AGE_GROWTH_BYTES_MAX : 0
  const whole = encodeBundle(bundle)
  const bytesMax = Math.min(layerBytesMax, contactBytesMax) - growth
  if (whole.length <= bytesMax) {
    yield { bundle, bytes: whole }
    return
  }
  const fragments = fragmentBundle(bundle, bytesMax)
  if (!fragments.ok && whole.length <= layerBytesMax - growth) {
    yield { bundle, bytes: whole }
    return
  }
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
