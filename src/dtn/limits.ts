/** The bounds of a node, each with its reason. */

export interface BundleNodeLimits {
  /** Bytes of bundles in the store; beyond it new bundles are refused. */
  readonly storeBytesMax: number
  /** Bundles in the store, because each costs memory for what the agent knows of it. */
  readonly storeCountMax: number
  /** Largest application data unit sent or put together: it is held in memory as a whole. */
  readonly aduBytesMax: number
  /** Total length of the ADUs whose fragments are being collected, so that each can be completed. */
  readonly reassemblyBytesMax: number
  /** Bundles from other nodes that have nowhere to go: no registration or no plan. */
  readonly strandedCountMax: number
  readonly strandedBytesMax: number
  /** Status reports of ours that wait for their neighbour: more would be traffic nobody asked for. */
  readonly ownRecordCountMax: number
  /** What other nodes sent is kept no longer than this, whatever its lifetime. RFC 9171 §4.3.1. */
  readonly lifetimeMsMax: number
}

export const DEFAULT_LIMITS: BundleNodeLimits = {
  storeBytesMax: 1_073_741_824,
  storeCountMax: 100_000,
  aduBytesMax: 67_108_864,
  reassemblyBytesMax: 268_435_456,
  strandedCountMax: 10_000,
  strandedBytesMax: 134_217_728,
  ownRecordCountMax: 1000,
  // A century: RFC 9171 §4.3.1 allows 2^64 ms.
  lifetimeMsMax: 3_155_760_000_000,
}

/** Of the store, that bundles of other nodes cannot take: what we send ourselves finds room. */
export const OWN_STORE_SHARE = 0.25
/** And of the same that what is sent here cannot fill: the answers to it come as bundles of others. */
export const GUEST_STORE_SHARE = 0.25

/** Bytes handed to the store and not yet flushed: they are held in memory until then. */
export const UNFLUSHED_BYTES_MAX = 134_217_728

/** Bundles that were stored last are kept at hand, decoded: their bytes are in memory. */
export const RECENT_BYTES_MAX = 33_554_432

/**
 * ADUs that were delivered here, by name, in the store: what a neighbour sends again because it did
 * not hear of it, as after a crash, is not delivered twice. A few hundred bytes of memory each.
 */
export const DELIVERED_REMEMBERED_MAX = 100_000

/** Bundles of one plan with their convergence layer at once: their bytes are in memory. */
export const TRANSMISSIONS_MAX = 1024
export const TRANSMISSION_BYTES_MAX = 16_777_216

/** Deliveries to one registration at once: enough to share a flush, and their bytes are in memory. */
export const DELIVERIES_MAX = 1024
export const DELIVERY_BYTES_MAX = 16_777_216

/** The first pause after a failure, doubled at each further one. */
export const RETRY_FIRST_MS = 1000
/** A neighbour or an application that is back is noticed within this time. */
export const RETRY_MAX_MS = 60_000

/**
 * When the room for reassembly is needed, an ADU of which nothing has come for so long gives way:
 * longer than the patience of a sender whose round trip is an hour.
 */
export const REASSEMBLY_IDLE_MS = 21_600_000

/** What a single source node may reserve of the room for reassembly, so that others find some. */
export const SOURCE_REASSEMBLY_SHARE = 0.5

/** ADUs known to have left complete, by name: a few hundred bytes each. */
export const ADUS_REMEMBERED_MAX = 10_000

/** Of bundles sent here. Far beyond any path of ours, and a loop ends soon. RFC 9171 §4.4.3. */
export const HOP_LIMIT = 32

/** Given to what comes without one, so that no loop is endless. RFC 9171 §4.4.3. */
export const HOP_LIMIT_OF_OTHERS = 255

/** Status reports a second, where they are enabled and no other rate is given. RFC 9171 §5.1. */
export const STATUS_REPORTS_PER_SEC = 10

/** A report lives as long as what it tells of, within these bounds. RFC 9171 §6.1.1. */
export const REPORT_LIFETIME_MS_MIN = 3_600_000
export const REPORT_LIFETIME_MS_MAX = 2_592_000_000

/** Endpoints that are counted one by one; an application that opens more shares the last place. */
export const ENDPOINTS_COUNTED_MAX = 1000

/** Datagrams given to the network in one turn of the event loop, so that receiving goes on. */
export const DATAGRAMS_PER_TURN_MAX = 32

/** Refused bundles that are told of in a while: enough to see what is wrong, and no log is filled. */
export const REFUSALS_TOLD_MAX = 20
export const REFUSALS_WINDOW_MS = 60_000

/** Timers come late by a few milliseconds; what they cost may be caught up, and no more. */
export const PACING_CREDIT_MS = 10

/** How soon it is noticed that somebody has set the clock that contacts go by. */
export const CLOCK_LOOK_MS = 10_000
/** Two clocks of one machine drift apart by less than this between two looks. */
export const CLOCK_STEP_MS = 100

/** No bundle is cut smaller for the sake of a short contact: its blocks would be most of each piece. */
export const PIECE_BYTES_MIN = 1024

/** Bundles waiting in the UDP convergence layer for one neighbour, and the bytes of all: about a second at 1 Gbit/s. */
export const DATAGRAMS_WAITING_MAX = 2048
export const DATAGRAM_BYTES_WAITING_MAX = 134_217_728

/**
 * Largest bundle that goes into one datagram. IPv4 carries 65,507 octets of UDP payload, 65,535 less
 * the two headers; the difference is left to tunnels and IP options.
 */
export const UDP_BUNDLE_BYTES_MAX = 64_000

/**
 * What goes again by UDP: IP cuts no datagram of this size, so that each packet counts by itself. Of
 * 64,000 octets in 44 packets over a way that loses a fifth, one in twenty thousand arrives. The least
 * MTU of IPv6, 1280, less its header and that of UDP. RFC 8200 §5.
 */
export const UDP_REPEAT_BYTES_MAX = 1232

/** Fragments of one ADU that are kept until it is whole: 20 MB in pieces of `UDP_REPEAT_BYTES_MAX`. */
export const ADU_FRAGMENTS_MAX = 16_384

/** Pieces of a bundle that goes again: nodes that count fragments to 4096 count those of the first time too. */
export const REPEAT_PIECES_MAX = 2048

/** Largest bundle over a stream, either way: an ADU of `aduBytesMax` with its blocks. */
export const STREAM_BUNDLE_BYTES_MAX = 67_174_400

/** Bundles given to a stream convergence layer for one neighbour and not yet answered for, and the bytes of all. */
export const STREAM_BUNDLES_MAX = 4096
export const STREAM_BYTES_MAX = 268_435_456

/** Sessions of one layer that others have opened. Beyond it the one silent longest gives way. */
export const SESSIONS_MAX = 64
/** Of these from one address: beyond it the one of them that has been silent longest gives way. */
export const SESSIONS_PER_ADDRESS_MAX = 16
/** Who has said something since then keeps his place: twice the keepalive interval of most. */
export const SESSION_SILENCE_MS = 60_000

/** Bytes of bundles that come in over all sessions of one layer; beyond it the largest is ended. */
export const RECEIVING_BYTES_MAX = 268_435_456

/** For a connection to be answered: a retransmission or two over the longest link that TCP is used on. */
export const CONNECT_TIMEOUT_MS = 30_000

/** A bundle that cannot be refused and has no room is offered again after this. */
export const OFFER_AGAIN_MS = 1000

/** For transfers that have begun when the layer is stopped. */
export const STOPPING_MS = 2000

/**
 * Longest that a bundle is kept from the disk for an application that is about to take it: several
 * flushes, and less than any neighbour waits for an answer.
 */
export const PROMPT_MS_MAX = 250

/** What convergence layer, UDP or TCP and IP add to a bundle, reckoned as ION does: a sixteenth, and 36 octets at least. */
export const LAYERS_BELOW_SHARE: number = 1 / 16
export const LAYERS_BELOW_BYTES_MIN = 36
