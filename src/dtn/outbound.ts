/** Brings stored bundles to their convergence layers: the work behind the agent's `transmit`. */

import { asFault, attempt, Fault, type FaultOptions, type Result } from '../base/fault.ts'
import { type Scattered, sizeOf } from '../base/scattered.ts'
import { Slab } from '../base/slab.ts'
import { addMs } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import { BLOCK_TYPES, type Bundle, findBlock } from '../proto/bpv7/bundle.ts'
import { type CodecAids, encodeScattered } from '../proto/bpv7/codec.ts'
import type { Crc32c } from '../proto/bpv7/crc.ts'
import { ipnEndpoint, isNullEndpoint } from '../proto/bpv7/endpoint-id.ts'
import { encodePreviousNode } from '../proto/bpv7/extension/previous-node.ts'
import { fragmentBundle } from '../proto/bpv7/fragmentation.ts'
import { describeReason } from '../proto/bpv7/status-report.ts'
import { processForwarded, withAge } from './block-processing.ts'
import type { ContactWindow } from './contact-window.ts'
import type { ConvergenceLayer } from './convergence-layer.ts'
import type { DtnFaultCode } from './fault.ts'
import type { Layers } from './layers.ts'
import { REPEAT_PIECES_MAX } from './limits.ts'
import { neighbourOf, type StaticPlan } from './static-plan.ts'
import { Turnstile } from './turnstile.ts'

export interface OutboundBundle {
  /** As it is in the store; undefined where it cannot be read there. */
  readonly bundle: Bundle | undefined
  readonly plan: StaticPlan
  /** How long it has been at this node already. */
  readonly residenceMs: number
  /** It has gone before, and may have been lost. */
  readonly isRepeat: boolean
}

export interface Transmitted {
  readonly wireBytes: number
  /** 1 for a bundle that went whole. */
  readonly fragments: number
  /** Nothing will look at its bytes any more. */
  readonly hasLeft: boolean
}

export class Outbound {
  /** Data of the block that says that a bundle comes from us. */
  readonly #previousNode: Uint8Array
  readonly #clock: Clock
  readonly #layers: Layers
  /** By neighbour. */
  readonly #turnstiles = new Map<bigint, Turnstile>()
  readonly #slab: Slab = new Slab()
  readonly #aids: CodecAids

  constructor(node: bigint, layers: Layers, clock: Clock, crc32c?: Crc32c) {
    this.#aids = { slab: this.#slab, crc32c }
    this.#previousNode = encodePreviousNode(ipnEndpoint(node, 0n))
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
   * `done` hears once: when all of the bundle has been handed over, or the Fault that keeps it from
   * that: a temporary one is the convergence layer's, any other means that it can never go.
   */
  transmit(outbound: OutboundBundle, done: (outcome: Result<Transmitted>) => void): void {
    const { plan, residenceMs } = outbound
    const arrivedAt = addMs(this.#clock.now(), -residenceMs)
    const cut = attempt(() => this.#piecesOf(outbound))
    if (!cut.ok) {
      done(cut)
      return
    }
    const layer = this.#layerOf(plan)
    const turnstile = this.#turnstileOf(plan)
    const pieces = [...cut.value]
    let [wireBytes, fragments] = [0, 0]
    const next = (): void => {
      const piece = pieces.shift()
      if (piece === undefined) {
        done({ ok: true, value: { wireBytes, fragments, hasLeft: layer.hasLeft === true } })
        return
      }
      const whole = piece.bytes ?? encodeScattered(piece.bundle, this.#aids)
      const hand = (): void => {
        // Its turn may have been long in coming, and the time until then counts too.
        const aged = withAge(piece.bundle, this.#clock.now() - arrivedAt)
        const bytes = aged === piece.bundle ? whole : encodeScattered(aged, this.#aids)
        layer.transmit(bytes, plan.duct, (fault) => {
          const smaller = fault && this.#cutAgain(piece, fault)
          if (fault !== undefined && smaller === undefined) {
            done({ ok: false, fault })
            return
          }
          if (smaller !== undefined) pieces.unshift(...smaller)
          else {
            if (layer.hasLeft === true) this.#release(bytes)
            wireBytes += sizeOf(bytes)
            fragments++
          }
          next()
        })
      }
      const turn = turnstile.pass(sizeOf(whole))
      if (turn === undefined) hand()
      else turn.then(hand, (error: unknown) => done({ ok: false, fault: asFault(error) }))
    }
    next()
  }

  /** Of what was encoded here, a payload that lies elsewhere left out. */
  #release(bytes: Scattered): void {
    const [first] = bytes instanceof Uint8Array ? [bytes] : bytes
    if (first !== undefined) this.#slab.release(first)
  }

  /** A peer may take less than the layer carries: what it says it takes. RFC 9174 §4.6. */
  #cutAgain({ bundle }: Piece, { detail }: Fault): readonly Piece[] | undefined {
    const bytesMax = detail['bundleBytesMax']
    if (typeof bytesMax !== 'number') return undefined
    const cut = attempt(() => cutToFit(bundle, bytesMax, Number.POSITIVE_INFINITY, this.#aids))
    return cut.ok && cut.value.length > 1 ? cut.value : undefined
  }

  /** The bundle as it leaves, cut where the layer carries less. Throws a Fault. */
  #piecesOf({ bundle, plan, isRepeat }: OutboundBundle): readonly Piece[] {
    const layer = this.#layerOf(plan)
    if (bundle === undefined) throw never('dtn/damaged', 'damaged in the store')
    const processed = processForwarded(bundle, this.#previousNode)
    if (!processed.ok) {
      throw never('dtn/not-forwardable', describeReason(processed.status), {
        detail: { status: processed.status },
      })
    }
    if (plan.ipnOnly && speaksDtn(processed.bundle)) {
      throw never('dtn/not-forwardable', 'the neighbour knows no dtn-scheme names')
    }
    return cutToFit(
      processed.bundle,
      layer.bundleBytesMax,
      Math.min(
        this.#turnstileOf(plan).pieceBytesMax,
        isRepeat ? repeatBytesMax(layer, processed.bundle) : Number.POSITIVE_INFINITY,
      ),
      this.#aids,
    )
  }

  /** What waits for its turn goes at once, to layers that are stopped or about to be. */
  stop(): void {
    for (const turnstile of this.#turnstiles.values()) turnstile.stop()
  }

  #turnstileOf(plan: StaticPlan): Turnstile {
    const neighbour = neighbourOf(plan)
    const known = this.#turnstiles.get(neighbour)
    if (known !== undefined) return known
    const turnstile = new Turnstile(this.#clock)
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
  /** Where it is encoded already. */
  readonly bytes?: Scattered
}

/**
 * The bundle, or its fragments where it is too large for the layer, which it must not be, or for the
 * contact or a repeat, which it must be where it cannot be cut so small. Throws a Fault.
 */
function cutToFit(
  bundle: Bundle,
  layerBytesMax: number,
  wantedBytesMax: number,
  aids: CodecAids,
): readonly Piece[] {
  const isAging = findBlock(bundle, BLOCK_TYPES.bundleAge) !== undefined
  const growth = isAging ? AGE_GROWTH_BYTES_MAX : 0
  const whole = encodeScattered(bundle, aids)
  const sizeBytes = sizeOf(whole)
  const bytesMax = Math.min(layerBytesMax, wantedBytesMax) - growth
  if (sizeBytes <= bytesMax) return [{ bundle, bytes: whole }]
  let fragments = fragmentBundle(bundle, bytesMax)
  if (!fragments.ok && sizeBytes <= layerBytesMax - growth) return [{ bundle, bytes: whole }]
  // Its blocks leave too little room in pieces so small, or there would be too many of them.
  if (!fragments.ok) fragments = fragmentBundle(bundle, layerBytesMax - growth)
  if (!fragments.ok) throw never('dtn/not-forwardable', `too large, and ${fragments.fault.message}`)
  return fragments.value.map((fragment) => ({ bundle: fragment }))
}

/** So small that its packets get lost one by one, and not in more pieces than the far side keeps. */
function repeatBytesMax(layer: ConvergenceLayer, { payload }: Bundle): number {
  const { bundleBytesMax, repeatBytesMax: wanted = bundleBytesMax } = layer
  return Math.max(wanted, Math.ceil(payload.data.length / REPEAT_PIECES_MAX))
}

/** An age may take a byte at first and nine in the end. */
const AGE_GROWTH_BYTES_MAX = 8

function speaksDtn({ primary }: Bundle): boolean {
  const { destination, source, reportTo } = primary
  return [destination, source, reportTo].some((e) => e.scheme === 'dtn' && !isNullEndpoint(e))
}

function never(
  code: DtnFaultCode,
  message: string,
  more: Pick<FaultOptions, 'cause' | 'detail'> = {},
): Fault<DtnFaultCode> {
  return new Fault(code, message, { temporary: false, ...more })
}
