/** Every bound of the lab, with its reason. */

/** Events in one `World.run`: far above any honest scenario, so that a loop that never rests is reported. */
export const EVENTS_MAX = 20_000_000

/** What a UDP datagram over IPv4 can carry: 65,535 less 20 (IP) less 8 (UDP). */
export const DATAGRAM_BYTES_MAX = 65_507

/** A TCP segment on Ethernet: 1500 less 20 (IP) less 20 (TCP). */
export const SEGMENT_BYTES_MAX = 1460

/** Header bytes of a UDP datagram (8) and of IP (20). */
export const UDP_HEADER_BYTES = 28

/** Header bytes of a TCP segment without options (20) and of IP (20). */
export const TCP_HEADER_BYTES = 40

/** What a sender may have under way and unread at the receiver: bounds the memory of a paused stream. */
export const WINDOW_BYTES_MAX = 1_048_576

/** What may wait for a link that has a rate: 1000 full packets, as Linux's netem keeps by default. */
export const LINK_QUEUE_BYTES_MAX = 1_500_000

/** Retransmissions in a row without an answer before a stream is given up: Linux's tcp_retries2. */
export const RETRANSMISSIONS_MAX = 15

/** Packets that a capture keeps; later ones are still counted and hashed. */
export const CAPTURED_PACKETS_MAX = 1_000_000

/** What is kept of each stream that a command writes; more is thrown away, as by a person who looks elsewhere. */
export const PROCESS_OUTPUT_BYTES_MAX = 1_048_576

/** How long a mail program waits for its server, which is near. */
export const CONNECT_TIMEOUT_MS = 30_000

/** How long a served stream may be silent after its peer's end before it is closed: as a real host. */
export const ANSWER_MS = 5_000
