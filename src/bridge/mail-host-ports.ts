/** What a mail host needs from outside, on a real machine as in the lab. */

import type { TcpclTlsOptions } from '../dtn/tcpcl.ts'
import type { DeliveryFilter } from '../mail/delivery-filter.ts'
import type { Clock } from '../ports/clock.ts'
import type { Compression } from '../ports/compression.ts'
import type { Disk } from '../ports/disk.ts'
import type { Dns } from '../ports/dns.ts'
import type { Entropy } from '../ports/entropy.ts'
import type { EventSink } from '../ports/events.ts'
import type { Https } from '../ports/https.ts'
import type { MailAuthentication } from '../ports/mail-authentication.ts'
import type { Network, SocketAddress } from '../ports/network.ts'
import type { Packing } from '../ports/packing.ts'
import type { Passwords } from '../ports/password.ts'
import type { Processes } from '../ports/process.ts'
import type { Store } from '../ports/store.ts'
import type { TlsTrust } from '../ports/tls.ts'
import type { Crc32c } from '../proto/bpv7/crc.ts'
import type { PickupPorts } from './pickup.ts'

export interface MailHostPorts {
  /** The directory in which every user has one, with a `Maildir` in it. */
  readonly homes: string
  readonly clock: Clock
  readonly network: Network
  readonly disk: Disk
  readonly store: Store
  /** Of what is known of an account's mailboxes. */
  readonly openIndex: (account: string) => Promise<Store>
  readonly entropy: Entropy
  readonly events: EventSink
  readonly dns: Dns
  readonly https: Https
  /** For `pipe` routes. Default: none is ever started. */
  readonly processes?: Processes
  readonly passwords: Passwords
  /** Default: mail is neither looked at for where it is from, nor signed. */
  readonly authentication?: MailAuthentication
  /** Where mail for a user goes. Default: it is kept. */
  readonly filter?: DeliveryFilter
  /** Where the host has a faster one. */
  readonly crc32c?: Crc32c
  /** Of what goes in bundles. */
  readonly packing: Packing
  /** For mail programs. */
  readonly compression: Compression
  /** The host's certificate, and whose it believes. */
  readonly tls: Pick<TcpclTlsOptions, 'identity' | 'trust'> & {
    /** Of the servers that mail goes to; default: the same. */
    readonly mailTrust?: TlsTrust | undefined
  }
  /** Where programs on this machine may use its bundle node; default: nowhere. */
  readonly control?: SocketAddress
  /** Where those of any user may hand in mail and ask what waits; default: nowhere. */
  readonly localPrograms?: PickupPorts
}
