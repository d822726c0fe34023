/** The bounds of DTPC, each with its reason. */

/** Topics and records of one ADU: an octet of the wire would otherwise cost a hundred of memory. */
export const RECORDS_PER_ADU_MAX = 65_536

/** Bytes of records that wait to share an ADU, in all: they are in memory until it is complete. */
export const AGGREGATING_BYTES_MAX = 33_554_432

/** Pairs of destination and profile to which a number was ever given: it must never be given again. */
export const SENDING_STREAMS_MAX = 10_000

/** Sources and profiles whose next number is remembered; beyond it the one silent longest is forgotten. */
export const RECEIVING_STREAMS_MAX = 10_000

/** ADUs of one stream that wait for one before them: a flight of a sender that sends a lot. */
export const HELD_ADUS_MAX = 1000

/** And their bytes, of all streams together: they are read when the gap is closed. */
export const HELD_BYTES_MAX = 268_435_456

/** After the node could not take an ADU, it is tried again. */
export const SEND_AGAIN_MS = 5000

/**
 * ION's receiver gives up the wait for a missing ADU this long before the later one's lifetime ends,
 * and so do we: both sides of a link shall deliver the same.
 */
export const BEFORE_EXPIRY_MS = 1000

/**
 * All copies of an ADU expire at one instant, and later ADUs later. A number from the past on an ADU
 * that expires so much after the newest is not a copy: its sender has lost its counters and began
 * anew. ION's clock of DTPC ticks once a second, a few of which may add up over retransmissions.
 */
export const RESET_AFTER_MS = 10_000
