/** RFC 1035 §2.3.4. */
export const LABEL_BYTES_MAX = 63

/** With the octets that say how long each label is. RFC 1035 §2.3.4. */
export const NAME_BYTES_MAX = 255

/** Names that point at names that point…: more than any server writes. */
export const POINTERS_MAX = 16

/** Records that are read of one message: what 64 KiB hold of the smallest. */
export const RECORDS_MAX = 4096

/** What goes over UDP to whoever does not say that he takes more. RFC 1035 §2.3.4. */
export const UDP_BYTES_MAX = 512
