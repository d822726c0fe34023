/** Every bound of the lab, with its reason. */

/** Events in one `World.run`: far above any honest scenario, so that a loop that never rests is reported. */
export const EVENTS_MAX = 20_000_000

/** Events at one moment: far above what a thousand hosts begin with, so that a loop in no time is reported soon. */
export const EVENTS_AT_ONCE_MAX = 2_000_000

/** What a UDP datagram over IPv4 can carry: 65,535 less 20 (IP) less 8 (UDP). */
export const DATAGRAM_BYTES_MAX = 65_507

/** What one packet takes on Ethernet, from IP's header on. */
export const MTU_BYTES = 1500

/** And within one host, as Linux's loopback device has it. */
export const LOOPBACK_MTU_BYTES = 65_536

/** Without options. */
export const TCP_HEADER_BYTES = 20

export const UDP_HEADER_BYTES = 8

/** Fragments that wait for the rest of their datagrams, in all: Linux's ipfrag_high_thresh. */
export const REASSEMBLY_BYTES_MAX = 4_194_304

/** How long they wait: Linux's ipfrag_time. */
export const REASSEMBLY_MS = 30_000

/** What a receiver takes that its owner has not read: bounds the memory of a paused stream. */
export const WINDOW_BYTES_MAX = 1_048_576

/** What may wait for a link that has a rate: 1000 full packets, as Linux's netem keeps by default. */
export const LINK_QUEUE_BYTES_MAX = 1_500_000

/** Retransmissions in a row without an answer before a stream is given up: Linux's tcp_retries2. */
export const RETRANSMISSIONS_MAX = 15

/** The time-out before any round trip has been measured, and the least there is. RFC 6298 §2.1 and §2.4. */
export const TIMEOUT_MIN_MS = 1000

/** Doubling stops here, unless the round trip itself takes longer: Linux's TCP_RTO_MAX. */
export const TIMEOUT_MAX_MS = 120_000

/** How long an acknowledgement may be put off: Linux's TCP_DELACK_MIN; RFC 9293 §3.8.6.3 allows 500 ms. */
export const ACKNOWLEDGEMENT_MS = 40

/** TIME-WAIT: Linux's 60 s; RFC 9293 §3.4.2 has an MSL of two minutes, twice. */
export const TIME_WAIT_MS = 60_000

/** Packets that a capture keeps; later ones are still counted and hashed. */
export const CAPTURED_PACKETS_MAX = 1_000_000

/** Events of hosts that are kept for pictures of a run; a mail has about ten. */
export const KEPT_HAPPENINGS_MAX = 1_000_000

/** What is kept of each stream that a command writes; more is thrown away, as by a person who looks elsewhere. */
export const PROCESS_OUTPUT_BYTES_MAX = 1_048_576

/** How long a mail program waits for its server, which is near. */
export const CONNECT_TIMEOUT_MS = 30_000

/** How long a served stream may be silent after its peer's end before it is closed: as a real host. */
export const ANSWER_MS = 5_000

/** Between two commands, where the second does not read: what it is likely to be given at once, and more. */
export const PIPE_BYTES_MAX = 16_777_216

/** What a command of the lab may write into a file: it is in memory, twice. */
export const WRITTEN_FILE_BYTES_MAX = 67_108_864

/** Lines of a script before what they begin is complete: no command line is longer. */
export const COMMAND_LINE_BYTES_MAX = 1_048_576

/** Characters of a host's /var/log/mail.log; the older half goes when it is more. */
export const MAIL_LOG_CHARACTERS_MAX = 4_194_304

/** For a connection from outside: as long as its TCP goes on trying. */
export const PUBLISHED_CONNECT_MS = 7_200_000

/** Sessions of TLS that may go on, which a server remembers, and a client: Node's and OpenSSL's own caches are larger. */
export const TLS_SESSIONS_MAX = 1000

/** How long a session may go on: OpenSSL's two hours. */
export const TLS_TICKET_MS = 7_200_000

/** One message of a handshake: what a long chain of certificates takes. */
export const TLS_MESSAGE_BYTES_MAX = 65_536

/** Answers of name servers that a host keeps: as `host/dns.ts` does. */
export const DNS_ANSWERS_MAX = 10_000
