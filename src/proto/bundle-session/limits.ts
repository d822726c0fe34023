/** Behind a bundle that was received: for what its owner has to note about it. */
export const ROOM_BYTES = 128

/**
 * Up to this size a bundle whose length is known has its place from the beginning and is copied once:
 * more than that is not given for a promise.
 */
export const PROMISED_BYTES_MAX = 32_768

/** Bundles handed over and not yet answered for: enough to share a flush, and their bytes are in memory. */
export const RECEPTIONS_MAX = 1024
export const RECEPTION_BYTES_MAX = 16_777_216

/**
 * Bytes sent and not yet gone beyond which no more of a bundle is sent: far below what makes the
 * stream stop reading, and answers never wait behind more than this.
 */
export const SEND_WINDOW_BYTES = 262_144
