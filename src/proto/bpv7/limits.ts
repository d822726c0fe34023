/**
 * Most blocks after the primary. Ten kinds of block are in use anywhere; uniqueness of the block numbers
 * is checked pair by pair, so the square of this must stay small.
 */
export const BLOCKS_MAX = 64

/**
 * Longest scheme-specific part of a dtn-scheme endpoint ID. URIs are unbounded, but these are kept for
 * every stored bundle and stand in every line of the log about it.
 */
export const ENDPOINT_ID_LENGTH_MAX = 1024

/** Most fragments that one bundle is cut into: 64 KiB each, that is a bundle of 256 MiB. */
export const FRAGMENTS_MAX = 4096

/** Most separate extents held of one ADU in reassembly: all fragments of a peer with our bounds. */
export const EXTENTS_MAX = 4096

/** Largest ADU that is put together again, 256 MiB: it is in memory as a whole when it is delivered. */
export const ADU_BYTES_MAX = 268_435_456
