/** Every bound of this folder, with its reason. Lengths of lines include their CRLF. */

/** RFC 5321 §4.5.3.1.4. */
export const COMMAND_LINE_MAX = 512

/**
 * MAIL may be longer by SIZE (RFC 1870 §3), AUTH (RFC 2554 §3), RET and ENVID (RFC 3461 §4.4), and
 * all the others together have room in the last number.
 */
export const MAIL_LINE_MAX: number = COMMAND_LINE_MAX + 26 + 500 + 9 + 107 + 160

/** RCPT may be longer by NOTIFY and ORCPT. RFC 3461 §4.2. */
export const RCPT_LINE_MAX: number = COMMAND_LINE_MAX + 28 + 501

/**
 * AUTH and the lines of its exchange must be as long as the mechanisms need (RFC 2554 §4); this
 * holds the largest tickets in use.
 */
export const AUTH_LINE_MAX = 12_288

/**
 * RFC 5321 §4.5.3.1.3. It bounds the domain within; the local part has no bound of its own, since
 * longer ones than 64 are in use.
 */
export const PATH_MAX = 256

/** Of the name in EHLO. RFC 5321 §4.5.3.1.2. */
export const DOMAIN_MAX = 255

/** RFC 5321 §4.5.3.1.5. */
export const REPLY_LINE_MAX = 512

/** Servers that chatter beyond 512 octets are common. */
export const REPLY_LINE_ACCEPTED_MAX = 4096

/** Far more than any EHLO reply has. */
export const REPLY_LINES_MAX = 200

/** Longest piece of a message that leaves in one `body`. */
export const BODY_BYTES_MAX = 65_536

/**
 * Bytes kept while a question is open. A client that heeds the replies sends no more than one group
 * of commands ahead, and a thousand recipients fit.
 */
export const PENDING_BYTES_MAX = 262_144

/**
 * Refusals since the last accepted mail after which a client is sent away, as in Postfix
 * (`smtpd_hard_error_limit`). Unknown recipients count: who tries names learns twenty at a time.
 */
export const ERRORS_MAX = 20

/** Guesses in one session; how long they take is for whoever answers them to say. */
export const AUTH_FAILURES_MAX = 3

/**
 * Commands in one session, since the last accepted mail, that bring none any further (NOOP, RSET,
 * VRFY, HELP, an empty BDAT, one more EHLO); each beyond it counts as a refusal. As `smtpd_junk_command_limit`.
 */
export const IDLE_COMMANDS_MAX = 100

/**
 * Recipients beyond those that a mail may have, since the last accepted mail, that are put off without
 * being held against the client; each beyond it counts as a refusal. As
 * `smtpd_recipient_overshoot_limit`.
 */
export const RECIPIENTS_OVERSHOOT_MAX = 1000

/** RFC 5321 §4.5.3.2.7. */
export const SERVER_TIMEOUT_MS = 300_000

/**
 * The same while places are short, for who is nobody's user: as `smtpd_timeout` and its kin in Postfix
 * under stress. Far less than RFC 5321 §4.5.3.2.7 asks for, but else whoever is silent on every place
 * keeps all others out.
 */
export const HURRIED_TIMEOUT_MS = 10_000
export const HURRIED_DATA_BYTES_PER_SEC_MIN = 500
export const HURRIED_ERRORS_MAX = 5
export const HURRIED_IDLE_COMMANDS_MAX = 5

/** A handshake is no work of people, and costs more than a command to keep open. */
export const HANDSHAKE_TIMEOUT_MS = 60_000

/**
 * Message data slower than this for longer than `SERVER_TIMEOUT_MS` ends the session: a byte every
 * four minutes must not hold a place for ever. Far below the slowest link in use.
 */
export const DATA_BYTES_PER_SEC_MIN = 10

/** How long our client waits. RFC 5321 §4.5.3.2.1 to §4.5.3.2.6. */
export const CLIENT_TIMEOUTS_MS: {
  readonly greeting: number
  readonly command: number
  readonly dataInitiation: number
  readonly dataBlock: number
  readonly dataTermination: number
} = {
  greeting: 300_000,
  command: 300_000,
  dataInitiation: 120_000,
  dataBlock: 180_000,
  dataTermination: 600_000,
}

/** Faults on purpose: every one of them is looked at for every command. */
export const INJECTED_FAULTS_MAX = 100
