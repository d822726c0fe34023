/** The bounds of the control socket, each with its reason. */

/** The line before an ADU names endpoints and a bundle: each of them is far below a kilobyte. */
export const LINE_BYTES_MAX = 16_384

/** The largest ADU of a node; what else is carried comes in pages far smaller than that. */
export const BODY_BYTES_MAX = 67_108_864

/** Programs at once: each may hold what it is given until it takes it. */
export const CLIENTS_MAX = 32

/** Endpoints that one program has open: the deliveries of each are held in memory until taken. */
export const ENDPOINTS_PER_CLIENT_MAX = 8

/** Requests of one program that wait for their answer: enough to share a flush. */
export const UNANSWERED_MAX = 64

/** Their ADUs are in memory; a single larger one is let in. */
export const UNANSWERED_BYTES_MAX = 16_777_216

/** Bundles told of in one answer. */
export const BUNDLES_PER_PAGE = 100

/** Bytes of a payload that are told of a stored bundle: what ION's bplist prints. */
export const PAYLOAD_PREVIEW_BYTES_MAX = 100

/** A node answers at once, if it lives: it is on this machine. */
export const CONNECT_TIMEOUT_MS = 5000

/** It says who it is as soon as it does anything: many times what a busy machine has kept one waiting. */
export const WELCOME_TIMEOUT_MS = 30_000

/** A century: nothing sent here needs to live longer. */
export const LIFETIME_MS_MAX = 3_155_760_000_000
