/** Bundles both ways, within the terms of their session. RFC 9174 §5.2. */

import { Fault } from '../../base/fault.ts'
import { type Scattered, sizeOf } from '../../base/scattered.ts'
import { DIALECT_4, type Dialect, type Heard } from './dialect.ts'
import type { Terms } from './establishment.ts'
import { fault, refusedBy, type TcpclFaultCode, terminated } from './fault.ts'
import { IncomingTransfers, type SegmentHead } from './incoming.ts'
import { SEGMENT_BYTES_MAX } from './limits.ts'
import { REFUSE_REASONS, REJECT_REASONS } from './message.ts'
import type { TcpclOptions } from './options.ts'
import { OutgoingTransfers } from './outgoing.ts'
import type { Output } from './output.ts'

/** What a message of the peer came to. */
export type TransferOutcome =
  /** A transfer of ours went on. */
  | { readonly type: 'progress' }
  | { readonly type: 'unexpected'; readonly message: string }
  /** There is no going on. */
  | { readonly type: 'fatal'; readonly fault: Fault }

const PROGRESS: TransferOutcome = { type: 'progress' }

export class Transfers {
  readonly #options: TcpclOptions
  readonly #output: Output
  readonly #outgoing: OutgoingTransfers = new OutgoingTransfers()
  readonly #incoming: IncomingTransfers
  #dialect: Dialect = DIALECT_4
  #segmentMtu: number = SEGMENT_BYTES_MAX
  #transferMtu: number = Number.POSITIVE_INFINITY
  /** In version 3 both are agreed on. */
  #isAcknowledged = true
  #mayRefuse = true

  constructor(options: TcpclOptions, output: Output) {
    this.#options = options
    this.#output = output
    this.#incoming = new IncomingTransfers(options.transferBytesMax, options.slab)
  }

  get heldBytes(): number {
    return this.#incoming.heldBytes
  }

  /** More should not be read before something is answered. */
  get isFull(): boolean {
    return this.#incoming.isFull
  }

  /** Data of a segment are to come next. */
  get isInSegment(): boolean {
    return this.#incoming.isInSegment
  }

  /** Nothing of ours waits for the peer. */
  get hasSentAll(): boolean {
    return this.#outgoing.isIdle
  }

  get isIdle(): boolean {
    return this.#outgoing.isIdle && this.#incoming.isIdle
  }

  /** The session is established. */
  begin(terms: Terms, dialect: Dialect): void {
    this.#dialect = dialect
    this.#segmentMtu = terms.segmentMtu
    this.#transferMtu = terms.transferMtu
    this.#isAcknowledged = terms.isAcknowledged
    this.#mayRefuse = terms.mayRefuse
  }

  /** Those that have waited and that the peer does not take. */
  failTooLarge(): void {
    for (const { transmission, sizeBytes } of this.#outgoing.takeLarger(this.#transferMtu)) {
      this.#failTooLarge(transmission, sizeBytes)
    }
  }

  transmit(transmission: number, bundle: Scattered): void {
    const sizeBytes = sizeOf(bundle)
    if (sizeBytes > this.#transferMtu) this.#failTooLarge(transmission, sizeBytes)
    else this.#outgoing.add(transmission, bundle)
  }

  accept(reception: number): void {
    this.#incoming.settle(reception, undefined)
  }

  refuse(reception: number, isTemporary: boolean): void {
    this.#incoming.settle(reception, this.#refusalFor(isTemporary))
  }

  /** All that has been sent has left: without acknowledgements nobody can know more. */
  drained(): void {
    if (!this.#isAcknowledged) this.#output.succeed(this.#outgoing.takeSent())
  }

  /** Sends segments and answers, as long as there is room; `mayBegin`: of further bundles too. */
  proceed(mayBegin: boolean): void {
    this.#sendSegments(mayBegin)
    this.#sendAnswers()
  }

  /** Index of the octet behind the data that were taken; undefined where more have to come. */
  readData(bytes: Uint8Array, at: number): number | undefined {
    const { missingBytes } = this.#incoming
    if (at === bytes.length && missingBytes > 0) return undefined
    const data = bytes.subarray(at, at + missingBytes)
    const complete = this.#incoming.append(data)
    if (complete === 'mismatch') {
      this.#output.violated('tcpcl/bad-length', 'a transfer that is not as long as it said')
    } else if (complete !== undefined) {
      this.#output.report({ type: 'received', ...complete, mayRefuse: this.#mayRefuse })
    }
    return at + data.length
  }

  /** `header`: the first octet of the message. */
  onSegment(head: SegmentHead, header: number, isEnding: boolean): TransferOutcome | undefined {
    if (head.dataLength > this.#options.transferBytesMax) {
      this.#output.send(this.#dialect.reject(REJECT_REASONS.unsupported, header))
      return fatal(`a segment of ${head.dataLength} bytes`)
    }
    const refusal = this.#incoming.begin(head, isEnding)
    if (refusal === 'unexpected') return unexpected('a segment out of sequence')
    if (refusal === undefined) return undefined
    if (!this.#mayRefuse) return fatal('a bundle that cannot be refused otherwise')
    if (refusal !== REFUSE_REASONS.sessionTerminating) {
      this.#output.violated(offenceOf(refusal), 'a transfer that is refused from its head')
    }
    return undefined
  }

  onAck(heard: Heard & { readonly type: 'ack' }): TransferOutcome {
    const { transferId, acknowledgedLength } = heard
    const outcome = this.#outgoing.acknowledge(transferId, acknowledgedLength)
    if (outcome === 'unexpected') return unexpected('an acknowledgement of what was not sent')
    if (outcome !== undefined) this.#output.succeed([outcome])
    return PROGRESS
  }

  /** RFC 9174 §5.2.4. */
  onRefuse(heard: Heard & { readonly type: 'refuse' }): TransferOutcome | undefined {
    const { transferId, reason } = heard
    if (transferId !== undefined && !this.#outgoing.hasBegun(transferId)) {
      return unexpected('a refusal of what was not sent')
    }
    const transmission = this.#outgoing.refuse(transferId)
    if (transmission === undefined) return undefined
    if (reason === REFUSE_REASONS.completed) this.#output.succeed([transmission])
    else this.#output.fail([transmission], refusedBy(reason))
    return PROGRESS
  }

  /** Those that have not begun will not. */
  failQueued(): void {
    this.#output.fail(this.#outgoing.takeQueued(), terminated())
  }

  failAll(reason: Fault): void {
    this.#output.fail(this.#outgoing.takeAll(), reason)
  }

  #sendSegments(mayBegin: boolean): void {
    while (!this.#output.isFull) {
      const segment = this.#outgoing.next(this.#segmentMtu, mayBegin)
      if (segment === undefined) return
      this.#output.send(this.#dialect.segment(segment))
      for (const piece of segment.data) this.#output.send(piece)
    }
  }

  #sendAnswers(): void {
    for (const answer of this.#incoming.takeAnswers()) {
      if (answer.type === 'refuse') this.#output.send(this.#dialect.refuse(answer))
      else if (this.#isAcknowledged) this.#output.send(this.#dialect.ack(answer))
    }
  }

  #failTooLarge(transmission: number, sizeBytes: number): void {
    const message = `${sizeBytes} bytes, and the peer takes ${this.#transferMtu}`
    // For this peer; it may have changed its mind when it is asked again.
    const reason = new Fault<TcpclFaultCode>('tcpcl/too-large', message, {
      temporary: true,
      detail: { bundleBytesMax: this.#transferMtu },
    })
    this.#output.fail([transmission], reason)
  }

  /** Undefined where the bundle is acknowledged: version 3 has no word for "never again". */
  #refusalFor(isTemporary: boolean): number | undefined {
    if (isTemporary) return REFUSE_REASONS.noResources
    return this.#dialect.version === 4 ? REFUSE_REASONS.notAcceptable : undefined
  }
}

function unexpected(message: string): TransferOutcome {
  return { type: 'unexpected', message }
}

function fatal(message: string): TransferOutcome {
  return { type: 'fatal', fault: fault('tcpcl/too-large', message, false) }
}

/** What was wrong with a transfer that is refused for this reason before all of it is there. */
function offenceOf(reason: number): TcpclFaultCode {
  if (reason === REFUSE_REASONS.extensionFailure) return 'tcpcl/bad-extension'
  return reason === REFUSE_REASONS.noResources ? 'tcpcl/too-large' : 'tcpcl/bad-length'
}
