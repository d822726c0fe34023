/**
 * What waits on the disk for a carrier that has no store of its own: each ADU under the far gateway
 * and the name that it is held by, until it is released, or has gone once, or its time is over.
 */

import { fromUtf8, toUtf8 } from '../base/bytes.ts'
import { Fault } from '../base/fault.ts'
import { type WallMs, wallMs } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import type { Store, StoreChange } from '../ports/store.ts'
import type { BridgeFaultCode } from './fault.ts'
import { PARCELS_MAX } from './limits.ts'

const HEADS = 'bridge-parcels'
const PAYLOADS = 'bridge-parcel-payloads'

export interface ParcelHead {
  /** The carrier's `to`. */
  readonly to: string
  readonly name: string
  readonly expiresAt: WallMs
  readonly payloadBytes: number
  /** Kept until it is released. */
  readonly isHeld: boolean
}

export interface ParcelsOptions {
  /** Of all payloads. */
  readonly bytesMax: number
  /** Default: PARCELS_MAX. */
  readonly countMax?: number
}

export class Parcels {
  readonly #store: Store
  readonly #clock: Clock
  readonly #options: ParcelsOptions
  readonly #heads = new Map<string, ParcelHead>()
  #bytes = 0

  constructor(store: Store, clock: Clock, options: ParcelsOptions) {
    this.#store = store
    this.#clock = clock
    this.#options = options
    for (const { value } of store.range(HEADS, {})) {
      const head = JSON.parse(toUtf8(value)) as ParcelHead & { readonly expiresAt: number }
      this.#note({ ...head, expiresAt: wallMs(head.expiresAt) })
    }
  }

  /**
   * Resolves once it is on the disk, with `alongside`; what had this name is replaced. Rejects with a
   * temporary Fault where there is no room.
   */
  async put(
    head: Omit<ParcelHead, 'payloadBytes'>,
    payload: Uint8Array,
    alongside: readonly StoreChange[] = [],
  ): Promise<void> {
    const key = keyOf(head)
    if (!this.#hasRoom(key, payload.length)) await this.forgetExpired()
    if (!this.#hasRoom(key, payload.length)) {
      throw new Fault<BridgeFaultCode>('bridge/no-room', 'too much waits to be carried', {
        temporary: true,
      })
    }
    const before = this.#heads.get(key)
    const whole: ParcelHead = { ...head, payloadBytes: payload.length }
    this.#note(whole)
    try {
      await this.#store.commit([
        ...alongside,
        { table: HEADS, key, value: fromUtf8(JSON.stringify(whole)) },
        { table: PAYLOADS, key, value: payload },
      ])
    } catch (error) {
      this.#drop(key)
      if (before !== undefined) this.#note(before)
      throw error
    }
  }

  has(to: string, name: string): boolean {
    return this.#live(keyOf({ to, name })) !== undefined
  }

  /** Undefined where it is gone, or its time is over. */
  read(
    to: string,
    name: string,
  ): { readonly head: ParcelHead; readonly payload: Uint8Array } | undefined {
    const key = keyOf({ to, name })
    const head = this.#live(key)
    const payload = head && this.#store.get(PAYLOADS, key)
    return head && payload && { head, payload }
  }

  /** Those that are worth something still. */
  heads(): readonly ParcelHead[] {
    return [...this.#heads.keys()].flatMap((key) => this.#live(key) ?? [])
  }

  /** Resolves once they have left the disk. */
  async remove(parcels: readonly { readonly to: string; readonly name: string }[]): Promise<void> {
    const keys = parcels.map(keyOf).filter((key) => this.#heads.has(key))
    if (keys.length === 0) return
    for (const key of keys) this.#drop(key)
    await this.#store.commit(
      keys.flatMap((key) => [HEADS, PAYLOADS].map((table) => ({ table, key, value: undefined }))),
    )
  }

  /** Resolves once those whose time is over have left the disk. */
  forgetExpired(): Promise<void> {
    const wall = this.#clock.wall()
    return this.remove([...this.#heads.values()].filter(({ expiresAt }) => expiresAt <= wall))
  }

  #hasRoom(key: string, bytes: number): boolean {
    const before = this.#heads.get(key)
    const { bytesMax, countMax = PARCELS_MAX } = this.#options
    if (before === undefined && this.#heads.size >= countMax) return false
    return this.#bytes - (before?.payloadBytes ?? 0) + bytes <= bytesMax
  }

  #live(key: string): ParcelHead | undefined {
    const head = this.#heads.get(key)
    return head === undefined || head.expiresAt <= this.#clock.wall() ? undefined : head
  }

  #note(head: ParcelHead): void {
    const key = keyOf(head)
    this.#drop(key)
    this.#heads.set(key, head)
    this.#bytes += head.payloadBytes
  }

  #drop(key: string): void {
    this.#bytes -= this.#heads.get(key)?.payloadBytes ?? 0
    this.#heads.delete(key)
  }
}

function keyOf({ to, name }: { readonly to: string; readonly name: string }): string {
  return `${to} ${name}`
}
