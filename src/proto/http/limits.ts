/** Start line and header together: tokens and certificates' names are far shorter. */
export const HEAD_BYTES_MAX = 16_384

/** The line before a chunk, or one of a trailer. */
export const CHUNK_LINE_BYTES_MAX = 1024

/** Lines behind the last chunk. */
export const TRAILER_LINES_MAX = 64

/** A client that says nothing for so long is gone; delays come on top. */
export const SILENCE_MS_MAX = 60_000

/** A client that is refused early reads why while it still sends: so long. */
export const LINGER_MS = 5000
