/**
 * The host's side of `lightlag carry`: tells what waits for media that somebody carries, and takes what
 * such media bring. The files themselves are the program's business (`carry-files.ts`).
 */

import { concat, fromUtf8, NO_BYTES, toHex } from '../base/bytes.ts'
import { formatTimestamp } from '../base/calendar.ts'
import { asFault } from '../base/fault.ts'
import { sha256 } from '../base/sha256.ts'
import { addMs } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import type { EventSink } from '../ports/events.ts'
import { encodeAcknowledgements } from './adu.ts'
import type { Carrier, CarrierEvents, Carriers, Reception } from './carrier.ts'
import type { Gateway } from './gateway.ts'
import {
  ANSWER_GRACE_MS_MAX,
  LIFETIME_MAX_MS,
  PARCEL_PIECE_BYTES,
  PARCELS_COMING_MAX,
  PARCELS_PAGE,
} from './limits.ts'
import type { GatewayReads } from './object-packing.ts'
import {
  decodeParcel,
  encodeParcel,
  isProven,
  PARCEL_HEAD_BYTES_MAX,
  type ReadParcel,
} from './parcel.ts'
import { type ParcelPorts, type Peer, StickCarrier } from './parcel-carrier.ts'
import type { ParcelHead } from './parcels.ts'

/** A parcel as `carry out` is told of it. */
export interface WaitingParcel {
  readonly key: string
  /** What its file is called: letters, digits, dots and hyphens. */
  readonly file: string
}

/** What became of a file that `carry in` brought. */
export type CarriedIn =
  /** It is on the disk here, now or since a copy came: its file is of no more use. */
  | { readonly type: 'taken'; readonly from: string; readonly mails: number }
  | { readonly type: 'for-another'; readonly to: string }
  /** It is none that can be taken, and never will be. */
  | { readonly type: 'refused'; readonly reason: string }
  | { readonly type: 'later'; readonly reason: string }

export interface CarryDeskOptions {
  /** As this host calls itself. */
  readonly host: string
  readonly peers: readonly Peer[]
  /** Of a payload. */
  readonly payloadBytesMax: number
}

export interface CarryDeskPorts extends ParcelPorts {
  readonly reads: GatewayReads
  readonly clock: Clock
  readonly events: EventSink
}

export const PARCEL_ENDING = '.lightlag'

export class CarryDesk implements Carriers {
  readonly #options: CarryDeskOptions
  readonly #ports: CarryDeskPorts
  readonly #peers: ReadonlyMap<string, Peer>
  /** Pieces of what programs are handing in. */
  readonly #coming = new Map<number, { readonly pieces: Uint8Array[]; bytes: number }>()
  #uploads = 0
  /** The file that is being read, piece by piece. */
  #open: { readonly key: string; readonly bytes: Uint8Array } | undefined
  #events: CarrierEvents | undefined

  constructor(options: CarryDeskOptions, ports: CarryDeskPorts) {
    this.#options = options
    this.#ports = ports
    this.#peers = new Map(options.peers.map((peer) => [peer.name, peer]))
  }

  tell(events: CarrierEvents): void {
    this.#events = events
  }

  to(peer: string): Carrier {
    return new StickCarrier(peer, this.#ports)
  }

  /** Has what gathers for any peer packed. */
  async packAll(pack: (carrier: Carrier) => Promise<void>): Promise<void> {
    await Promise.all([...this.#peers.keys()].map((peer) => pack(this.to(peer))))
  }

  /** What waits behind `after`, a page of it, answers first; none at the end. */
  async list(after: string): Promise<readonly WaitingParcel[]> {
    const { parcels } = this.#ports
    await parcels.forgetExpired()
    const all = parcels.heads().map((head) => ({ key: keyOf(head), head }))
    const behind = all.filter(({ key }) => key > after)
    behind.sort((a, b) => (a.key < b.key ? -1 : 1))
    return behind
      .slice(0, PARCELS_PAGE)
      .map(({ key, head: { to, name } }) => ({ key, file: this.#fileOf(to, name) }))
  }

  /** A piece of its file, empty behind the last, and where it is gone. */
  read(key: string, index: number): Uint8Array {
    // At its beginning anew: what a program left that was stopped may have been replaced.
    if (index === 0 || this.#open?.key !== key) {
      const bytes = this.#encode(key)
      this.#open = bytes && { key, bytes }
    }
    const at = index * PARCEL_PIECE_BYTES
    return this.#open?.bytes.subarray(at, at + PARCEL_PIECE_BYTES) ?? NO_BYTES
  }

  /** They are whole, under their names and on the medium. Resolves once that is on record. */
  async written(keys: readonly string[], place: string): Promise<void> {
    this.#open = undefined
    const { parcels, events } = this.#ports
    const gone: ParcelHead[] = []
    for (const key of keys) {
      const head = headOf(key)
      const found = parcels.read(head.to, head.name)
      if (found === undefined) continue
      const wireBytes = found.payload.length
      events({ type: 'parcel-sent', parcel: head.name, to: place, wireBytes })
      if (found.head.isHeld) this.#events?.forwarded(head.name)
      else gone.push(found.head)
    }
    await parcels.remove(gone)
  }

  /** The number of a file that is going to be brought. */
  begin(): number {
    const [oldest] = this.#coming.keys()
    if (this.#coming.size >= PARCELS_COMING_MAX && oldest !== undefined) this.#coming.delete(oldest)
    this.#coming.set(++this.#uploads, { pieces: [], bytes: 0 })
    return this.#uploads
  }

  /** A piece of it; whether more is wanted. What is too large, or given up, is no longer kept. */
  piece(upload: number, piece: Uint8Array): boolean {
    const coming = this.#coming.get(upload)
    if (coming === undefined) return false
    coming.bytes += piece.length
    const isWanted = coming.bytes <= this.#options.payloadBytesMax + PARCEL_HEAD_BYTES_MAX
    if (isWanted) coming.pieces.push(piece)
    else coming.pieces.splice(0)
    return isWanted
  }

  /** What became of it, once that is durable. */
  async end(upload: number, gateway: Pick<Gateway, 'receive'>): Promise<CarriedIn> {
    const coming = this.#coming.get(upload)
    this.#coming.delete(upload)
    if (coming === undefined) return { type: 'later', reason: 'too many files come at once' }
    if (coming.bytes > this.#options.payloadBytesMax + PARCEL_HEAD_BYTES_MAX) {
      return { type: 'refused', reason: 'it is larger than any object that is taken here' }
    }
    return this.#take(concat(...coming.pieces), gateway)
  }

  async #take(bytes: Uint8Array, gateway: Pick<Gateway, 'receive'>): Promise<CarriedIn> {
    const decoded = decodeParcel(bytes)
    if (!decoded.ok) return { type: 'refused', reason: decoded.fault.message }
    const parcel = decoded.value
    if (parcel.to !== this.#options.host) return { type: 'for-another', to: parcel.to }
    const reason = this.#objection(parcel)
    if (reason !== undefined) return { type: 'refused', reason }
    const { from, id, payload, expiresAt } = parcel
    try {
      const received = { from, id: `${from}/${id}`, payload, expiresAt }
      const reception = await gateway.receive(received)
      await this.#answer(parcel, reception)
      if (reception.later !== undefined) return { type: 'later', reason: reception.later.message }
      return { type: 'taken', from, mails: reception.answers.length }
    } catch (error) {
      const { temporary, message } = asFault(error)
      return { type: temporary ? 'later' : 'refused', reason: message }
    }
  }

  #objection(parcel: ReadParcel): string | undefined {
    const { from, expiresAt } = parcel
    const peer = this.#peers.get(from)
    if (peer === undefined) return `it is from ${from}, which is none of the peers`
    if (peer.secret !== undefined && !isProven(parcel, fromUtf8(peer.secret))) {
      return `whoever wrote it does not know the secret of ${from}`
    }
    if (expiresAt > this.#ports.clock.wall()) return undefined
    return `its time was over ${formatTimestamp(expiresAt)}`
  }

  /** Each copy has the same answer, under the same name. */
  async #answer({ from, id, expiresAt }: ReadParcel, { answers }: Reception): Promise<void> {
    if (answers.length === 0) return
    const { parcels, reads, clock } = this.#ports
    const now = clock.wall()
    const untilMs = Math.min(expiresAt - now + ANSWER_GRACE_MS_MAX, LIFETIME_MAX_MS)
    const payloads = encodeAcknowledgements({ ...reads, answers })
    for (const [i, payload] of payloads.entries()) {
      const name = `answer-${hashOf(id)}${i === 0 ? '' : `-${i}`}`
      await parcels.put({ to: from, name, expiresAt: addMs(now, untilMs), isHeld: false }, payload)
    }
  }

  #encode(key: string): Uint8Array | undefined {
    const { to, name } = headOf(key)
    const found = this.#ports.parcels.read(to, name)
    if (found === undefined) return undefined
    const { secret } = this.#peers.get(to) ?? {}
    const { head, payload } = found
    return encodeParcel(
      { from: this.#options.host, to, id: name, expiresAt: head.expiresAt, payload },
      secret === undefined ? undefined : fromUtf8(secret),
    )
  }

  #fileOf(to: string, name: string): string {
    const short = to.slice(0, FILE_NAME_OF_HOST_MAX).replace(/[^a-z0-9.-]/g, '-')
    return `${short}-${hashOf(`${this.#options.host} ${to} ${name}`)}${PARCEL_ENDING}`
  }
}

/** With all else far below the 255 characters of most file systems. */
const FILE_NAME_OF_HOST_MAX = 100

function hashOf(text: string): string {
  return toHex(sha256(fromUtf8(text)).subarray(0, 12))
}

/** Answers come first: they are small, and what they answer can leave its queue. */
function keyOf({ to, name, isHeld }: ParcelHead): string {
  return `${isHeld ? 1 : 0} ${to} ${name}`
}

function headOf(key: string): { readonly to: string; readonly name: string } {
  const [, to = '', name = ''] = key.split(' ')
  return { to, name }
}
