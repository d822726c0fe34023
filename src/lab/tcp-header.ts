/** What TCP's header says. RFC 9293 §3.1. */

import type { MonoMs } from '../base/time.ts'

export const TCP_FLAGS = { fin: 0x01, syn: 0x02, rst: 0x04, psh: 0x08, ack: 0x10 } as const

export interface TcpHeader {
  /** 32 bits: of the first octet, or of SYN or FIN, which have a number of their own. */
  readonly sequence: number
  /** 32 bits: the next octet that is expected; 0 without the flag. */
  readonly acknowledgement: number
  /** A sum of TCP_FLAGS. */
  readonly flags: number
  /** 16 bits, as it stands in the header: but in a SYN in units of 2^WINDOW_SHIFT octets. */
  readonly window: number
  readonly options: TcpOptions
}

/** Of a SYN: how much fits into one segment here, that SACK is understood, and the window's unit. */
export interface TcpOptions {
  /** Only in a SYN and its answer, which also offer SACK and WINDOW_SHIFT. RFC 9293 §3.7.1. */
  readonly mss: number | undefined
  /** RFC 7323 §3.2. Each of 32 bits, in milliseconds; the echo is 0 in a SYN. Undefined in a reset to a stranger. */
  readonly timestamp: { readonly value: number; readonly echo: number } | undefined
  /** What came behind a gap, at most three. RFC 2018 §3. */
  readonly sack: readonly SackBlock[]
}

/** Sequence numbers of 32 bits: of the first octet, and of the one behind the last. */
export interface SackBlock {
  readonly left: number
  readonly right: number
}

/** The window of both ends counts in units of 2^7 octets. RFC 7323 §2.2. */
export const WINDOW_SHIFT = 7

/** In whole milliseconds, 32 bits. RFC 7323 §4.1 (RTTM) and §5.4. */
export function timestampOf(now: MonoMs): number {
  return Math.floor(now) >>> 0
}

/** The number without a wrap that is nearest to `near` among those that 32 bits mean. */
export function unwrapped(sequence: number, near: number): number {
  return near + ((sequence - near) | 0)
}

export const NO_OPTIONS: TcpOptions = { mss: undefined, timestamp: undefined, sack: [] }

/** Kinds of options. RFC 9293 §3.2, RFC 2018 §2 and §3, RFC 7323 §2.2 and §3.2. */
const OPTIONS = {
  nop: 1,
  mss: 2,
  windowScale: 3,
  sackPermitted: 4,
  sack: 5,
  timestamps: 8,
} as const

/** The options as Linux lays them out, padded to whole words. */
export function encodeTcpOptions({ mss, timestamp, sack }: TcpOptions): Uint8Array {
  const octets: number[] = []
  if (mss !== undefined) octets.push(OPTIONS.mss, 4, mss >> 8, mss & 0xff)
  if (timestamp !== undefined) {
    octets.push(...(mss === undefined ? [OPTIONS.nop, OPTIONS.nop] : [OPTIONS.sackPermitted, 2]))
    octets.push(OPTIONS.timestamps, 10, ...word(timestamp.value), ...word(timestamp.echo))
  }
  if (mss !== undefined) octets.push(OPTIONS.nop, OPTIONS.windowScale, 3, WINDOW_SHIFT)
  if (sack.length > 0) {
    octets.push(OPTIONS.nop, OPTIONS.nop, OPTIONS.sack, 2 + 8 * sack.length)
    for (const { left, right } of sack) octets.push(...word(left), ...word(right))
  }
  return Uint8Array.from(octets)
}

/** What `encodeTcpOptions` gives, without making it. */
export function tcpOptionBytes({ mss, timestamp, sack }: TcpOptions): number {
  const fixed = mss !== undefined ? 20 : timestamp !== undefined ? 12 : 0
  return fixed + (sack.length > 0 ? 4 + 8 * sack.length : 0)
}

function word(value: number): readonly number[] {
  return [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff]
}
