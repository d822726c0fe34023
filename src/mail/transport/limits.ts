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

/**
 * How long a host that stops waits for servers and programs that have a whole message and may be
 * taking it: cut off, it would be sent to them again. Longer than a server looks at one as a rule, and
 * half of what service managers give before they kill.
 */
export const STOP_WAIT_MS = 30_000

/** RFC 8461: a policy of more than this nobody has to read. */
export const STS_POLICY_BYTES_MAX = 65_536

/** A web server that is slower keeps mail waiting that could go without it. */
export const STS_FETCH_TIMEOUT_MS = 20_000

/** Before a domain whose policy could not be had is asked for it again. RFC 8461. */
export const STS_RETRY_MS = 300_000

/** RFC 8461: a year or so. */
export const STS_AGE_MAX_SEC = 31_557_600

/** Of some hundred bytes each; beyond them the one that would end first is forgotten. */
export const STS_POLICIES_MAX = 10_000

/** Of what a program says, for the log and the report; the rest is thrown away. */
export const PROGRAM_OUTPUT_BYTES_MAX = 1024

/** As Postfix's `command_time_limit`. */
export const PROGRAM_TIME_LIMIT_MS = 1_000_000

/** Of one piece of work on a message, before others have their turn: below what a session would notice. */
export const TURN_MS_MAX = 10
