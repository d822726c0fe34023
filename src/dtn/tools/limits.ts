/** The bounds of the tools: ION's own, where ION has them. */

/** ION reads a line of standard input into 256 octets. */
export const LINE_BYTES_MAX = 255

/** bpsink prints a payload shorter than this. */
export const PRINTED_PAYLOAD_BYTES_MAX = 79

/** bpecho sends back as much of a payload. */
export const ECHOED_BYTES_MAX = 1024

/** Bundles that bpdriver has sent and not yet heard to be durable: enough to share a flush. */
export const DRIVEN_UNSTORED_MAX = 64

/** Their bytes are in memory. */
export const DRIVEN_UNSTORED_BYTES_MAX = 16_777_216

/** Of one bundle of bpdriver: no more goes over the control socket. */
export const DRIVEN_PAYLOAD_BYTES_MAX = 67_108_864

/** How soon what a full store refused is offered again. */
export const REFUSED_RETRY_MS = 100

/** bping has a buffer of 10,000 octets for its payload. */
export const PING_BYTES_MAX = 10_000

/** Probes whose answer is still awaited; of an older one the time is forgotten. */
export const PINGS_REMEMBERED_MAX = 100_000

/** Reports that bptrace keeps until it prints them. */
export const TRACE_REPORTS_MAX = 10_000

/** A mail that bpmailrecv unpacks: what is larger is a bomb, or of somebody who should send files. */
export const MAIL_BYTES_MAX = 67_108_864

/** Domains of the authors of one mail: each is a question to a name server. */
export const MAIL_DOMAINS_MAX = 10
