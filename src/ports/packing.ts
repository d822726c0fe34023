/** Compression of whole objects. `host` makes it of zlib, `lab` keeps what it is given as it is. */

export type PackingFaultCode =
  /** What came out would be more than was allowed: perhaps a bomb. */
  | 'packing/too-large'
  /** No stream of this format, or not all of one. */
  | 'packing/broken'

/** RFC 1950, raw DEFLATE (RFC 1951), and RFC 7932. */
export type PackingFormat = 'zlib' | 'deflate' | 'brotli'

export interface PackingOptions {
  readonly format: PackingFormat
  /** What both sides know already; of `deflate` only. */
  readonly dictionary?: Uint8Array
  /** When packing: `fast` keeps up with disks and local networks, `best` is some 30 times as slow. Default: `fast`. */
  readonly effort?: PackingEffort
}

export type PackingEffort = 'fast' | 'best'

export interface Packing {
  /** What this maker can do: `zlib` and `deflate` at least. */
  readonly formats: readonly PackingFormat[]
  /** Borrows the bytes until it resolves. */
  pack(bytes: Uint8Array, options: PackingOptions): Promise<Uint8Array>
  /**
   * Borrows the bytes until it resolves, with at most `bytesMax`. Rejects with a permanent Fault of
   * the codes above, having used no more memory than that.
   */
  unpack(
    bytes: Uint8Array,
    options: PackingOptions & { readonly bytesMax: number },
  ): Promise<Uint8Array>
}
