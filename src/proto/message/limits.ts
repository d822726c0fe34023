/**
 * How much of a message is looked at for its header. Trace fields stand at the top, and a hundred of
 * them (the bound on hops) of 640 characters each still fit.
 */
export const HEADER_BYTES_MAX = 65_536

/** Length of a line, without its CRLF, beyond which a field is folded. RFC 5322 §2.1.1. */
export const LINE_LENGTH_PREFERRED = 78
