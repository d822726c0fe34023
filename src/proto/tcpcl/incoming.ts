/** Bundles on their way from the peer, and the answers that are due for them. RFC 9174 §5.2. */

import { Queue } from '../../base/queue.ts'
import { Slab } from '../../base/slab.ts'
import { Window } from '../../base/window.ts'
import { type Assembled, Assembly } from '../bundle-session/assembly.ts'
import { Receptions } from '../bundle-session/receptions.ts'
import { ANSWERS_MAX } from './limits.ts'
import { REFUSE_REASONS, SEGMENT_FLAGS } from './message.ts'

/** Of a segment, all but its data. Version 3 has no Transfer IDs. */
export interface SegmentHead {
  readonly flags: number
  readonly transferId: bigint | undefined
  readonly dataLength: number
  readonly totalLength: bigint | undefined
  /** Its extension items are malformed, or one that must be understood is not. */
  readonly isExtensionFailure: boolean
}

export type Answer =
  | {
      readonly type: 'ack'
      readonly flags: number
      readonly transferId: bigint | undefined
      readonly acknowledgedLength: bigint
    }
  | {
      readonly type: 'refuse'
      readonly reason: number
      readonly transferId: bigint | undefined
    }

/** One place in the order of answers; empty until the owner has answered for the bundle. */
interface Due {
  readonly ack: Answer
  answer: Answer | undefined
}

interface Transfer {
  readonly transferId: bigint | undefined
  readonly totalLength: bigint | undefined
  readonly assembly: Assembly
}

interface Segment {
  readonly head: SegmentHead
  /** Undefined where its data are dropped. */
  readonly transfer: Transfer | undefined
  missingBytes: number
}

export interface CompleteTransfer extends Assembled {
  readonly reception: number
}

/**
 * Answers leave in the order of the segments, as RFC 9174 §5.2.4 asks before a refusal and as
 * version 3 needs throughout, for its answers do not say what they are for.
 */
export class IncomingTransfers {
  readonly #transferBytesMax: number
  readonly #receptions: Receptions = new Receptions()
  readonly #slab: Slab
  readonly #pending: Window<Due> = new Window()
  readonly #due: Queue<Due> = new Queue()
  #transfer: Transfer | undefined
  /** Refused while segments of it may still come. */
  #refused: { readonly transferId: bigint | undefined; readonly reason: number } | undefined
  #segment: Segment | undefined

  constructor(transferBytesMax: number, slab: Slab = new Slab()) {
    this.#slab = slab
    this.#transferBytesMax = transferBytesMax
  }

  /** Data of a segment are to come next. */
  get isInSegment(): boolean {
    return this.#segment !== undefined
  }

  /** No transfer is incomplete and none waits for its answer. */
  get isIdle(): boolean {
    return this.#transfer === undefined && this.#segment === undefined && this.#due.size === 0
  }

  /** More should not be read before something is answered. */
  get isFull(): boolean {
    return this.#receptions.isFull || this.#due.size >= ANSWERS_MAX
  }

  get heldBytes(): number {
    return this.#receptions.bytes + (this.#transfer?.assembly.heldBytes ?? 0)
  }

  /**
   * Takes the head of a segment. The reason for which it is refused, where it is; its data are read
   * and dropped then, as they are after `unexpected`.
   */
  begin(head: SegmentHead, isEnding: boolean): number | undefined | 'unexpected' {
    const missingBytes = head.dataLength
    this.#segment = { head, missingBytes, transfer: undefined }
    if (!this.#isExpected(head)) return 'unexpected'
    const { transferId, totalLength } = head
    if (isStart(head)) {
      this.#refused = undefined
      this.#transfer = { transferId, totalLength, assembly: new Assembly(this.#slab) }
    }
    const reason = this.#objection(head, isEnding)
    if (reason === undefined) {
      this.#segment = { head, missingBytes, transfer: this.#transfer }
      return undefined
    }
    // Each further segment of a refused transfer is refused as well; without a Transfer ID that
    // would be the refusal of another one.
    if (this.#refused === undefined || transferId !== undefined) {
      const answer = { type: 'refuse', reason, transferId } as const
      this.#due.push({ ack: answer, answer })
    }
    this.#transfer = undefined
    this.#refused = isEnd(head) ? undefined : { transferId, reason }
    return reason
  }

  /** How much of what follows belongs to the segment. */
  get missingBytes(): number {
    return this.#segment?.missingBytes ?? 0
  }

  /**
   * Copies the next `missingBytes` or fewer. The bundle that is complete with them; `mismatch` where
   * the total length said otherwise.
   */
  append(data: Uint8Array): CompleteTransfer | 'mismatch' | undefined {
    const segment = this.#segment
    if (segment === undefined) return undefined
    segment.missingBytes -= data.length
    const isLast = segment.missingBytes === 0
    const { head, transfer } = segment
    transfer?.assembly.append(data, isLast && isEnd(head))
    if (!isLast) return undefined
    this.#segment = undefined
    return transfer === undefined ? undefined : this.#finish(transfer, head)
  }

  /** Answers for a bundle; `refusal` undefined accepts it. */
  settle(reception: number, refusal: number | undefined): void {
    const due = this.#pending.get(reception)
    if (due === undefined) return
    this.#receptions.settle(reception)
    this.#pending.delete(reception)
    const { transferId } = due.ack
    due.answer = refusal === undefined ? due.ack : { type: 'refuse', reason: refusal, transferId }
  }

  /** The answers whose turn has come. */
  takeAnswers(): readonly Answer[] {
    let answer = this.#due.peek()?.answer
    const taken: Answer[] = []
    for (; answer !== undefined; answer = this.#due.peek()?.answer) {
      taken.push(answer)
      this.#due.shift()
    }
    return taken
  }

  #finish(transfer: Transfer, head: SegmentHead): CompleteTransfer | 'mismatch' | undefined {
    const { transferId, totalLength, assembly } = transfer
    const acknowledgedLength = BigInt(assembly.length)
    const ack = { type: 'ack', flags: head.flags, transferId, acknowledgedLength } as const
    if (!isEnd(head)) {
      this.#due.push({ ack, answer: ack })
      return undefined
    }
    this.#transfer = undefined
    if (totalLength !== undefined && totalLength !== acknowledgedLength) {
      const reason = REFUSE_REASONS.notAcceptable
      this.#due.push({ ack, answer: { type: 'refuse', reason, transferId } })
      return 'mismatch'
    }
    const { bundle, piece } = assembly.take()
    const due: Due = { ack, answer: undefined }
    const reception = this.#receptions.add(bundle.length)
    this.#due.push(due)
    this.#pending.set(reception, due)
    return { reception, bundle, piece }
  }

  #isExpected(head: SegmentHead): boolean {
    if (isStart(head)) return this.#transfer === undefined
    const underWay = this.#transfer ?? this.#refused
    return underWay !== undefined && underWay.transferId === head.transferId
  }

  /** Why it is refused. RFC 9174 §5.2.4, §5.2.5, §6.1. */
  #objection(head: SegmentHead, isEnding: boolean): number | undefined {
    if (isStart(head) && isEnding) return REFUSE_REASONS.sessionTerminating
    if (head.isExtensionFailure) return REFUSE_REASONS.extensionFailure
    if (this.#transfer === undefined) return this.#refused?.reason
    const { totalLength, assembly } = this.#transfer
    const length = assembly.length + head.dataLength
    if (length > this.#transferBytesMax || (totalLength ?? 0n) > this.#transferBytesMax) {
      return REFUSE_REASONS.noResources
    }
    const isTooLong = totalLength !== undefined && BigInt(length) > totalLength
    return isTooLong ? REFUSE_REASONS.notAcceptable : undefined
  }
}

function isStart({ flags }: SegmentHead): boolean {
  return (flags & SEGMENT_FLAGS.start) !== 0
}

function isEnd({ flags }: SegmentHead): boolean {
  return (flags & SEGMENT_FLAGS.end) !== 0
}
