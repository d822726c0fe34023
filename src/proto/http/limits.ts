/** Start line and header together: tokens and certificates' names are far shorter. */
export const HEAD_BYTES_MAX = 16_384

/** The line before a chunk, or one of a trailer. */
export const CHUNK_LINE_BYTES_MAX = 1024

/** Lines behind the last chunk. */
export const TRAILER_LINES_MAX = 64

/** Of a body, as they came, before they are joined: a call takes so many without trouble. */
export const BODY_PIECES_MAX = 4096

/**
 * What of a body has come gains its client so much time: slower than any line that carries TLS in
 * earnest, and the largest body has an end.
 */
export const BODY_BYTES_PER_SEC_MIN = 100

/** A head takes no longer, and whoever is silent for so long within a body is gone; delays come on top. */
export const SILENCE_MS_MAX = 60_000

/** A client that is refused early reads why while it still sends: so long. */
export const LINGER_MS = 5000
