/** RFC 9171 §4.2.1. */

/** None, X.25 CRC-16, CRC-32C. */
export type CrcType = 0 | 1 | 2
