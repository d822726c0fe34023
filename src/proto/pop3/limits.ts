/** Longest command with its CRLF. RFC 2449 §4. */
export const COMMAND_LENGTH_MAX = 255

/** Longest first line of a response with its CRLF. RFC 2449 §4. */
export const RESPONSE_LENGTH_MAX = 512

/** The least that an autologout timer may be. RFC 1939 §3. */
export const INACTIVITY_MS = 600_000

/** How long a client waits for the next byte of a response: as long as a server waits for it. */
export const RESPONSE_TIMEOUT_MS = 600_000

/** Guesses in one session; how long they take is for whoever answers them to say. */
export const LOGIN_FAILURES_MAX = 3

/** Commands that make no sense, in one session: who sends more is no POP3 client. */
export const MISTAKES_MAX = 20

/** Commands held while one is answered: 10,000 pipelined RETR. */
export const PIPELINED_BYTES_MAX = 131_072

/** Most that is asked of a message at once. */
export const READ_BYTES_MAX = 32_768

/**
 * Bytes sent and not yet gone beyond which nothing more is produced. A peer that takes one such
 * window in ten minutes (1 kbit/s) is not yet idle.
 */
export const SEND_WINDOW_BYTES = 65_536

/** Messages of one maildrop, on either side: more would only be memory held. The rest come after some are deleted. */
export const MAILDROP_MESSAGES_MAX = 100_000

/** Commands a client sends ahead of their responses, so that their bytes stay far below a TCP window. */
export const PIPELINE_MAX = 100

/** A line of an authentication in base64, with all that SCRAM and a channel binding need. */
export const AUTHENTICATION_LINE_MAX = 8192
