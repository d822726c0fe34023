/** Without anything else to say: as often as ION 4.1.3 does. */
export const KEEPALIVE_MS = 15_000
