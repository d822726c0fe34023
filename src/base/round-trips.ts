/** How many times there and back may lie between what we say and what follows it. */

/**
 * An answer: a record of TLS may be longer than the first flight of a TCP that starts slowly, and the
 * rest of it comes a round trip later.
 */
export const ANSWER_ROUND_TRIPS = 2

/** The most that a handshake takes: TLS 1.2, or a ClientHello that has to be repeated. */
export const HANDSHAKE_ROUND_TRIPS = 3
