/** Every bound of this folder, with its reason. */

/** Of one message, held between the spool and a server that takes it more slowly. */
export const BODY_BYTES_HELD_MAX = 262_144

/** Before the round trip of the link, as Postfix's `smtp_connect_timeout`. */
export const CONNECT_TIMEOUT_MS = 30_000

/** Servers of one destination that are tried in one attempt, as Postfix's `smtp_mx_session_limit` and more. */
export const SERVERS_TRIED_MAX = 5

/** MX records of one domain that are looked at: beyond them lies no domain that means well. */
export const MX_RECORDS_MAX = 20

/** An idle connection serves the next mail for so long; busy servers close after little more. */
export const IDLE_MS = 5000

/** A server may bound the mails of one connection; as Postfix, we begin anew before most do. */
export const MAILS_PER_CONNECTION_MAX = 100

/** In all: each holds a socket and a part of a message. */
export const CONNECTIONS_MAX = 200
