/** Unpredictable bytes; in the lab, bytes that follow from the seed. */
export interface Entropy {
  bytes(count: number): Uint8Array
}
