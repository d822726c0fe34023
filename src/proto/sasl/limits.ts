/** Every bound of this folder that is more than a field's length, with its reason. */

/** RFC 7677 §4: at least so many, or whoever listens finds out the password too easily. */
export const SCRAM_ITERATIONS_MIN = 4096

/** Our client computes them in one go: these take it a few tenths of a second. */
export const SCRAM_ITERATIONS_MAX = 100_000
