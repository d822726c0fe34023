/** For the peer's contact header and SESS_INIT, each: "no longer than one minute". RFC 9174 §4.1. */
export const CONTACT_MS = 60_000

/** For what was in transfer when the session was terminated, and for the peer's answer to that. */
export const ENDING_MS = 60_000

/** Without keepalives a peer that says nothing for so long is taken for gone. */
export const SILENCE_MS = 600_000

/** Without a new acknowledgement for so long a transfer is given up: longer than TCP lives on retransmissions. */
export const ACKNOWLEDGEMENT_MS = 1_800_000

/** What our SESS_INIT names: "no shorter than 30 seconds". RFC 9174 §5.1.1. */
export const KEEPALIVE_SEC = 30

/** Largest segment that we send, so that answers need not wait long behind it; ION's is the same. */
export const SEGMENT_BYTES_MAX = 65_536

/** A peer that takes less in a segment wants more heads than data. */
export const SEGMENT_MRU_MIN = 64

/** No node ID of any scheme comes near it. */
export const NODE_ID_BYTES_MAX = 1024

/** Extension items of one message: a handful of what is registered, which is one of eight octets. */
export const EXTENSION_BYTES_MAX = 4096

/** Answers that wait behind a bundle which is not yet answered for: a MiB in segments of a KiB. */
export const ANSWERS_MAX = 1024

/** MSG_REJECT that we send in one session before we end it. */
export const REJECTIONS_MAX = 10
