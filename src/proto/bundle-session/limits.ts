/** Behind a bundle that was received: for what its owner has to note about it. */
export const ROOM_BYTES = 128

/** Bundles handed over and not yet answered for: enough to share a flush, and their bytes are in memory. */
export const RECEPTIONS_MAX = 1024
export const RECEPTION_BYTES_MAX = 16_777_216

/**
 * Bytes sent and not yet gone beyond which no more of a bundle is sent: far below what makes the
 * stream stop reading, and answers never wait behind more than this.
 */
export const SEND_WINDOW_BYTES = 262_144
