/** Every bound of this folder, with its reason. */

/** Largest piece of a body in the store, and largest body that is committed with its envelope at once. */
export const CHUNK_BYTES_MAX = 262_144

/** Envelopes kept in memory for the attempts that follow at once: some for each session. */
export const RECENT_MAX = 1000

/** Keys removed in one commit while the leftovers of a crash are cleared away. */
export const REMOVALS_PER_COMMIT_MAX = 1000

/** `Received` fields beyond which a message is going round in circles. RFC 5321 §6.3. */
export const HOPS_MAX = 100

/** Attempts that read a message from the spool at the same time: each holds a chunk in memory. */
export const HANDING_OVER_MAX = 64

/**
 * How long a next hop that did not answer is left alone: a queue full of mail for it then costs no
 * connections, and the wait is nothing beside that for the next attempt.
 */
export const DEAD_MS = 5000
/** As many as one of them may be found dead again in that time; a fault each. */
export const DEAD_HOPS_MAX = 1000

/** Header of the failed message that a report carries. */
export const REPORT_HEADER_BYTES_MAX = 65_536

/** Largest message that a report returns whole where its sender asked for it. RFC 3461 §6.2. */
export const REPORT_MESSAGE_BYTES_MAX = 1_048_576

/** Read at once of a mail that waits in a mailbox, for whoever looks at it. */
export const WRITTEN_PIECE_BYTES = 65_536

/** Aliases that stand for aliases, and addresses that one of them comes to in the end. */
export const ALIAS_DEPTH_MAX = 20
export const ALIAS_MEMBERS_MAX = 1000

/** Sessions of one service, and of one peer address with it, as in Postfix's `smtpd` (100 processes, 50). */
export const SESSIONS_MAX = 1000
export const SESSIONS_PER_PEER_MAX = 50

/**
 * Programs of this machine that hand mail in at the same time: whoever has shown to be a user holds a
 * place as long as he likes, so that one of them must not have many. The others have to hurry.
 */
export const PICKUP_SESSIONS_MAX = 200
export const PICKUP_SESSIONS_PER_USER_MAX = 40
/** In a minute: what a machine's own programs need, and no more of its time than a few hundredths. */
export const PICKUP_CONNECTIONS_PER_MIN_MAX = 6000
/** Lists of what waits that are being written at the same time. */
export const SHOWQ_SESSIONS_MAX = 10

/** Of its places; from then on whoever is nobody's user has to hurry. */
export const CROWDED_SHARE = 0.75

/** Body bytes of one session that wait to be written; beyond it the stream is paused. */
export const UNWRITTEN_BYTES_MAX = 262_144

/**
 * A wrong password is answered a second later for each that came before it from the same peer, and
 * never more than fifteen: as Dovecot's `auth_penalty`, and shorter than any client's patience, also
 * with the attempts that may wait before it.
 */
export const LOGIN_FAILURE_DELAY_MS = 1000
export const LOGIN_FAILURE_DELAYS_MAX = 15
/** Mail programs log in with several connections at once, and all but one of them wait. */
export const LOGIN_ATTEMPTS_WAITING_MAX = 4
/** A person who has found the right password has forgotten the wrong ones by then. */
export const LOGIN_FAILURES_KEPT_MS = 300_000
/** Peers whose failures are kept in mind: as many as can be here at once, with SMTP and POP3. */
export const LOGIN_PEERS_MAX: number = 2 * SESSIONS_MAX

/** What is counted of users and peers, each on its own, and connections of peers; about 200 octets each. */
export const LIMITED_SENDERS_MAX = 10_000

/**
 * How long a user's files are taken to be as they were counted, and how soon a full mailbox is counted again:
 * much longer where counting takes long.
 */
export const QUOTA_COUNTED_MS = 60_000
export const QUOTA_RECOUNT_MS = 1000

/** A message that a policy wants to see is in memory until then; larger ones pass without its looking in. */
export const HELD_MESSAGE_BYTES_MAX = 4_194_304
export const HELD_MESSAGES_BYTES_MAX = 67_108_864

/** Users of one host; their file is read as a whole. */
export const USERS_MAX = 100_000
/** App passwords of one user: more programs than anybody has. */
export const APP_PASSWORDS_MAX = 20
/** A line of the file of users, with all of them, is half as long. */
export const USER_LINE_MAX = 8192

/** How often a clock is looked at, and what it has leapt by when somebody has set it: drift is less. */
export const CLOCK_LOOK_MS = 60_000
export const CLOCK_STEP_MS = 5000
