/** How an object with mails is compressed: by what its reader can, and what was measured to be best. */

import { fromUtf8, toUtf8 } from '../base/bytes.ts'
import { Fault } from '../base/fault.ts'
import type { Packing, PackingEffort, PackingFaultCode, PackingOptions } from '../ports/packing.ts'
import type { Store } from '../ports/store.ts'
import type { AcknowledgementAdu } from './adu.ts'
import { badAdu } from './fault.ts'
import { MAIL_DICTIONARY } from './mail-dictionary.ts'

/** The format octet of an object. */
export const PACKINGS = { plain: 0, zlib: 1, mailDeflate: 2, brotli: 3 } as const

const OPTIONS: Readonly<Record<number, PackingOptions>> = {
  [PACKINGS.zlib]: { format: 'zlib' },
  [PACKINGS.mailDeflate]: { format: 'deflate', dictionary: MAIL_DICTIONARY },
  [PACKINGS.brotli]: { format: 'brotli' },
}

/** What every gateway reads, one of which nothing has been heard yet too. */
const READ_BY_ALL: readonly number[] = [PACKINGS.plain, PACKINGS.zlib]

/** From here on what an object says itself is worth more than the dictionary: measured, src/bench/README.md. */
const BROTLI_BYTES_MIN = 32_768

/** What this gateway reads. */
export function packingsRead(packing: Packing): readonly number[] {
  const able = Object.entries(OPTIONS).filter(([, { format }]) => packing.formats.includes(format))
  return [PACKINGS.plain, ...able.map(([number]) => Number(number))]
}

export interface PackingPlan {
  /** What the far side reads. */
  readonly reads: readonly number[]
  /** `best`: each way is tried, and tried hard, for the fewest octets. */
  readonly effort: PackingEffort
}

export interface PackedObject {
  /** The format octet. */
  readonly packing: number
  readonly packed: Uint8Array
}

export async function packObject(
  object: Uint8Array,
  { reads, effort }: PackingPlan,
  packing: Packing,
): Promise<PackedObject> {
  const able = packingsRead(packing).filter((one) => reads.includes(one))
  const likely = object.length >= BROTLI_BYTES_MIN ? PACKINGS.brotli : PACKINGS.mailDeflate
  const wanted = [likely, PACKINGS.mailDeflate, PACKINGS.zlib].filter((one) => able.includes(one))
  const tried = effort === 'best' ? able : wanted.slice(0, 1)
  let smallest: PackedObject = { packing: PACKINGS.plain, packed: object }
  for (const number of tried) {
    const options = OPTIONS[number]
    if (options === undefined) continue
    const packed = await packing.pack(object, { ...options, effort })
    if (packed.length < smallest.packed.length) smallest = { packing: number, packed }
  }
  return smallest
}

/** Rejects with a permanent Fault, also where more than `bytesMax` would come out. */
export async function unpackObject(
  { packing: number, packed }: { readonly packing: number; readonly packed: Uint8Array },
  bytesMax: number,
  packing: Packing,
): Promise<Uint8Array> {
  const options = OPTIONS[number]
  if (number === PACKINGS.plain) {
    if (packed.length > bytesMax) {
      const message = `an object of ${packed.length} bytes`
      throw new Fault<PackingFaultCode>('packing/too-large', message, { temporary: false })
    }
    return packed
  }
  if (options === undefined || !packing.formats.includes(options.format)) {
    throw badAdu(`packed in a way (${number}) that is not read here`)
  }
  return packing.unpack(packed, { ...options, bytesMax })
}

const TABLE = 'bridge-peers-read'

/** What a gateway reads, as its acknowledgements say. */
export type GatewayReads = Pick<AcknowledgementAdu, 'packings' | 'objectBytesMax'>

/** What far gateways read; kept over restarts. */
export class PeerReads {
  readonly #store: Store
  readonly #known = new Map<string, GatewayReads>()

  constructor(store: Store) {
    this.#store = store
  }

  of(peer: string): GatewayReads {
    const known = this.#known.get(peer)
    if (known !== undefined) return known
    const value = this.#store.get(TABLE, peer)
    const reads =
      value === undefined ? { packings: READ_BY_ALL } : (JSON.parse(toUtf8(value)) as GatewayReads)
    this.#known.set(peer, reads)
    return reads
  }

  /** Of a peer that mail goes to: there are as many as next hops. */
  async learn(peer: string, { packings, objectBytesMax }: GatewayReads): Promise<void> {
    const reads = { packings, ...(objectBytesMax !== undefined && { objectBytesMax }) }
    const text = JSON.stringify(reads)
    if (JSON.stringify(this.of(peer)) === text) return
    this.#known.set(peer, reads)
    await this.#store.commit([{ table: TABLE, key: peer, value: fromUtf8(text) }])
  }
}
