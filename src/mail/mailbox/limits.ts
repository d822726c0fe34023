/** Every bound of this folder, with its reason. */

/** A letter each in the names of files, `a` to `z`. */
export const KEYWORDS_MAX = 26

/** Octets of a keyword: each is in one line of a file and in every FLAGS response. */
export const KEYWORD_LENGTH_MAX = 100

/** Mailboxes of one account: all are looked at for every LIST. */
export const MAILBOXES_MAX = 10_000

/** Octets of a mailbox's directory: file systems take 255. */
export const DIRECTORY_NAME_MAX = 240

/** UIDs whose rows are written together: a change of one writes as many, 2 KB without the names. */
export const PAGE_ROWS = 64

/** Pages of which the names are kept in memory, of each mailbox: those of the files that are used together. */
export const PAGES_OF_NAMES_MAX = 8

/** Entries of the list of what was expunged; behind them QRESYNC clients hear of everything. */
export const VANISHED_ENTRIES_MAX = 1000

/** Summaries of messages that are kept in memory, of all mailboxes together: some 2 KB each. */
export const SUMMARIES_KEPT_MAX = 20_000

/** Messages of which the order, and as many of which the threads are kept, of all mailboxes together: 150 octets each. */
export const ORDERED_KEPT_MAX = 200_000

/** Read of a message for its summary: few headers are longer, and those are read as a whole. */
export const SUMMARY_BYTES = 12_288

/** Messages that are read by one question, while those of the one before are looked at. */
export const MESSAGES_TOGETHER = 32

/** Messages of which digests are asked for by one question, of which two are under way: some KB of each come back. */
export const DIGESTS_TOGETHER = 128

/** Octets of messages that are read as a whole by one question, of which two may be under way. */
export const TOGETHER_BYTES_MAX = 262_144

/** Larger ones are read by pieces, when it is their turn. */
export const TOGETHER_BYTES_EACH_MAX = 131_072

/** Mailboxes that nobody has open and that are kept in memory all the same, and their messages together. */
export const FOLDERS_KEPT_MAX = 200
export const ROWS_KEPT_MAX = 2_000_000

/** What a search looks at: of one message's header, and of all the texts in it. */
export const SEARCHED_HEADER_BYTES_MAX = 262_144
export const SEARCHED_TEXT_BYTES_MAX = 8_388_608

/** Octets of the fingerprint of a message's text; beyond them it matches more than it should. */
export const FINGERPRINT_BYTES_MAX = 32_768

/** Files that are renamed or removed by one question, of which two are under way: a millisecond each. */
export const FILES_TOGETHER = 64

/** Read at once, of a message that is looked through. */
export const READ_BYTES = 262_144

/**
 * How often the directories of a mailbox that somebody has open are looked at for changes of others:
 * two questions to the system of some microseconds each.
 */
export const POLL_MS = 400

/**
 * A directory whose time is as young as this may change again within the same tick of the file
 * system's clock.
 */
export const DIRECTORY_TIME_MS = 50

/** The same where the clock has whole seconds, or every other: ext3, FAT. */
export const DIRECTORY_SECONDS_MS = 2050

/**
 * How long a directory that we have changed ourselves is not listed for what others may have done in
 * the same moments; longer where a listing takes long, so that it never takes a tenth of the time.
 */
export const UNVERIFIED_MS = 2000
export const UNVERIFIED_MS_PER_MESSAGE = 0.1

/** What may wait to be put into the index without being asked for: it can be found again. */
export const CACHE_CHANGES_MAX = 1024

/** RFC 9051 §2.3.1.1: an unsigned 32-bit value. */
export const UID_MAX = 0xffff_ffff

/** Of Dovecot's list of UIDs: a file's name of 255 octets and some fields. */
export const UIDLIST_LINE_MAX = 4096
