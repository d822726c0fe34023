/**
 * How much of a message is looked at for its header. Trace fields stand at the top, and a hundred of
 * them (the bound on hops) of 640 characters each still fit.
 */
export const HEADER_BYTES_MAX = 65_536

/** Length of a line, without its CRLF, beyond which a field is folded. RFC 5322 §2.1.1. */
export const LINE_LENGTH_PREFERRED = 78

/** Parts within parts. Programs write less than ten; what lies deeper is text of the part that holds it. */
export const PART_DEPTH_MAX = 100

/** Parts of a message, in all; what comes behind them belongs to the last. */
export const PARTS_MAX = 10_000

/** What is kept of one header field: more addresses than a program shows. */
export const FIELD_BYTES_MAX = 65_536

/** What is kept of all header fields of a message and its parts together. */
export const FIELDS_BYTES_MAX = 1_048_576

/** Parameters of one field. */
export const PARAMETERS_MAX = 100

/** Message identifiers kept of a References field. */
export const REFERENCES_MAX = 1000

/** Octets of the line between two messages of an mbox file: an address and a date. */
export const MBOX_SEPARATOR_BYTES_MAX = 1000
