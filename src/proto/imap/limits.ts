/** Every bound of this folder, with its reason. */

/**
 * One command with its literals, those of messages aside. Clients name thousands of messages in one
 * sequence set after a long time apart; RFC 7162 §4 asks for 8192 octets at least.
 */
export const COMMAND_BYTES_MAX = 262_144
/** Before anybody has logged in: user names, passwords and SASL messages are short. */
export const STRANGER_COMMAND_BYTES_MAX = 16_384
/** A larger literal that nobody waits for is not even read and thrown away (RFC 7888 §4), nor is a longer line. */
export const DISCARDED_BYTES_MAX = 67_108_864
/** More than a hundred times what any client makes. */
export const TAG_LENGTH_MAX = 256
/** Of commands that wait for their turn; beyond it the stream is not read. */
export const PIPELINED_BYTES_MAX = 65_536
/** Parentheses within parentheses: deeper than any client's search, shallow for our stack. */
export const NESTING_MAX = 64
/** Keys in one SEARCH, keywords in one STORE, items in one FETCH. */
export const SEARCH_KEYS_MAX = 2000
export const FLAGS_MAX = 100
export const FETCH_ITEMS_MAX = 100
export const LIST_PATTERNS_MAX = 100
/** Numbers in the name of a part, `1.2.3`. */
export const PART_DEPTH_MAX = 100
/** Messages in one APPEND. RFC 3502. */
export const APPENDED_MESSAGES_MAX = 1000
/** Of a mailbox's name in octets of UTF-8: below what file systems take. */
export const NAME_BYTES_MAX = 200

/** At least half an hour. RFC 9051 §5.4. */
export const INACTIVITY_MS = 1_860_000
/** Nobody has logged in: time for a person to type a password, and for a few wrong ones. */
export const STRANGER_INACTIVITY_MS = 180_000
/** Wrong passwords, and commands that are none, before the connection is closed. */
export const LOGIN_FAILURES_MAX = 5
export const MISTAKES_MAX = 20

/** Sent and not yet taken by the network, beyond which an answer waits. */
export const SEND_WINDOW_BYTES = 262_144
/** Answers leave in pieces of about this size. */
export const PIECE_BYTES = 65_536
