/** Transactions waiting for an acknowledgement, all destinations together; beyond it mail stays in the queue. */
export const OPEN_TRANSACTIONS_MAX = 100_000

/** What the far gateway may take to flush a mail and answer before it is asked again. */
export const PROCESSING_ALLOWANCE_MS = 2000

/** The wait for an acknowledgement doubles with each attempt, this often at the most. */
export const RESEND_DOUBLINGS_MAX = 6

/**
 * Longest that anything is kept because of a lifetime that a peer chose: a solar conjunction takes
 * three weeks, and nobody tries for longer than a quarter of a year.
 */
export const LIFETIME_MAX_MS: number = 90 * 86_400_000

/** Characters of a peer's EID: the keys of the store, which hold it, end at 500. */
export const PEER_LENGTH_MAX = 255

/** How much longer than its lifetime a transaction is remembered: covers clocks that differ. */
export const REMEMBER_MARGIN_MS = 86_400_000

/** Transactions remembered as taken; beyond it none is taken until some have expired. */
export const TAKEN_MAX = 1_000_000

/** Expired records removed with each new one, so that the table shrinks as fast as it grew. */
export const FORGET_BATCH = 16

/** Recipients of one mail in a batch: far above what any session takes. */
export const BATCH_RECIPIENTS_MAX = 10_000

/** Recipients of one mail in a session. RFC 5321 §4.5.3.1.8 wants at least 100. */
export const RECIPIENTS_MAX = 1000

/** Mails in the queue, whatever their size. */
export const QUEUED_MESSAGES_MAX = 1_000_000

/** Mails for one far gateway that may wait for its acknowledgement at once: one flight of a long link. */
export const ATTEMPTS_PER_GATEWAY_MAX = 10_000

/** Mails being written into mailboxes at once: they share flushes and wakes of threads. */
export const LOCAL_ATTEMPTS_MAX = 64

/** Connections to one destination at a time, as in Postfix (`default_destination_concurrency_limit`). */
export const CONNECTIONS_PER_DESTINATION_MAX = 20

/** Mails of the queue that are told of in one answer. */
export const QUEUE_PAGE = 100

/** For a whole list of the queue, to a program that may be anybody's: a million mails take seconds. */
export const QUEUE_LIST_MS_MAX = 60_000

/** Mails in one object of ours: their share of the object's overhead is below an octet long before. */
export const OBJECT_MAILS_MAX = 1000

/** Mails in one object of others, or named in one acknowledgement. */
export const OBJECT_MAILS_READ_MAX = 10_000

/**
 * Octets of mails in one object, unpacked, but for a single mail that is larger. What has more in it is
 * smaller by mails alike, but holds up longer what is more urgent, and is packed longer: src/bench/README.md.
 * Every gateway takes as much.
 */
export const OBJECT_BYTES_MAX = 2_097_152

/**
 * The same on a way that is worth all effort, where the far gateway takes so much: a tenth fewer octets than
 * in objects of 2 MiB. What is more urgent waits for one of them, so no longer than this.
 */
export const DEAR_OBJECT_BYTES_MAX = 8_388_608
export const DEAR_OBJECT_MS_MAX = 60_000

/**
 * A way that takes longer for a MiB is worth all effort at packing: that makes a MiB into a quarter in
 * less time than this way carries the quarter.
 */
export const DEAR_MIB_MS = 4000

/** A way that carries more or less than it did, or a gateway that takes more, is noticed within this time. */
export const OBJECT_LOOK_MS = 1000

/** Octets of mails that wait for a contact, or for others, in memory: the rest goes into objects before. */
export const GATHERED_BYTES_MAX = 16_777_216

/** A contact plan or a clock that was changed is noticed within this time. */
export const CONTACT_LOOK_MS = 60_000

/** Domains of the sender and the authors of one mail: each is a question to a name server. */
export const SENDER_DOMAINS_MAX = 10

/** Mails of one object that are being taken at once: their flushes are shared. */
export const TAKING_MAX = 128

/**
 * An acknowledgement waits so long for others to go with it, at the most and at the least, and this share of the one-way
 * delay. Nobody waits for it, and a mail alone goes on before it costs anything; of those that follow each other it saves
 * commits on both sides.
 */
export const ACKNOWLEDGEMENT_WAIT_MS_MAX = 100
export const ACKNOWLEDGEMENT_WAIT_MS_MIN = 10
export const ACKNOWLEDGEMENT_WAIT_SHARE = 0.02

/** Longest that a mail whose time is over waits for the answer to what may have arrived at the last moment. */
export const ANSWER_GRACE_MS_MAX = 86_400_000

/** How often it is asked after then, before its sender hears that it failed; one may be lost. */
export const QUESTIONS_MAX = 3

/** A mail of bpmail that could not be taken for now is tried again after this, doubling up to the longest. */
export const BPMAIL_AGAIN_MS = 5000
export const BPMAIL_AGAIN_MAX_MS = 600_000

/** Between the commit of a mail and that of its item's end: more than any restart takes. */
export const REMEMBER_BPMAIL_MS: number = 86_400_000

/** Of a message whose header a report returns. */
export const REPORTED_BYTES_MAX = 65_536

/** Stories of mails that are kept, and the share of the store that they may take at 2 KiB each. */
export const JOURNAL_STORIES_MAX = 100_000
export const JOURNAL_STORE_SHARE = 0.05
export const JOURNAL_STORY_BYTES = 2048

/** Of one mail: what is more is left out in the middle. */
export const JOURNAL_STEPS_MAX = 60

/** The stories of so long share a commit. */
export const JOURNAL_FLUSH_MS = 200

/** Bundles that are watched for their departure. */
export const JOURNAL_BUNDLES_MAX = 10_000

/** What waits to leave by sticks and HTTPS: objects of a queue that is full, and their answers. */
export const PARCELS_MAX = 100_000

/** Parcels told of in one answer. */
export const PARCELS_PAGE = 500

/** Of a parcel, between a host and the program that writes or reads the stick. */
export const PARCEL_PIECE_BYTES = 1_048_576

/** Parcels that programs are handing in at once, each in memory; what began first is dropped beyond it. */
export const PARCELS_COMING_MAX = 4

/** What is to be carried leaves when somebody comes for it, not before: it is looked at so often. */
export const CARRY_LOOK_MS: number = 86_400_000

/** Random octets that name an attachment that was held back: nobody guesses one. */
export const HELD_TOKEN_BYTES = 16

/** Parts of one mail that are held back, the largest: a notice each. */
export const HELD_PARTS_MAX = 100

/** Of the store, for attachments that were held back, where the configuration does not say. */
export const HELD_STORE_SHARE = 0.1

/** How long an attachment may be asked for, where the configuration does not say: longer than a holiday. */
export const HELD_KEPT_MS: number = 30 * 86_400_000

/** Records that leave the disk in one commit, so that others come in between. */
export const HELD_REMOVALS_PER_COMMIT_MAX = 64

/** Of a mail whose parts are looked for, until others have their turn: a few milliseconds. */
export const STRUCTURE_TURN_BYTES = 1_048_576

/** Octets of waiting mail whose attachments are looked for to say what it will cost, for each next hop, and one mail more. */
export const COST_LOOKED_BYTES_MAX = 33_554_432

/** Octets of waiting mail that are packed to say what it will cost, for each next hop: with all effort some seconds' work. */
export const COST_TRIED_BYTES_MAX = 4_194_304

/** What a bundle adds to its payload: primary block, block headers, checksums, and what a convergence layer puts around it. */
export const BUNDLE_OVERHEAD_BYTES = 100

/** Posts to one peer at once: over a long delay several are to be under way. */
export const POSTS_PER_PEER_MAX = 8

/** After a post that came to nothing, doubling up to the longest. */
export const POST_AGAIN_FIRST_MS = 1000
export const POST_AGAIN_MAX_MS = 600_000

/** After a 413 so long no more goes together; then once more, for the server may take more by now. */
export const POST_BOUND_MS: number = 7 * 86_400_000

/** Until a server that took a post has answered it, beyond the delay: it flushes a thousand mails. */
export const POST_TIMEOUT_MS = 60_000

/** Of an answer: as many refusals as an acknowledgement may have, each with a long line. */
export const POST_ANSWER_BYTES_MAX = 16_777_216

/** Bodies that are being received, all together: so many of the largest. */
export const POSTS_COMING_MAX = 4

/** Until when a copy of an object of another make may come, which does not say it. */
export const BARE_COPIES_MS: number = 7 * 86_400_000

/** A mail is late so long after its answer was due: two clocks differ, and a contact has other bundles. */
export const LATE_MARGIN_MS = 60_000
