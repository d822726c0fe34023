/** What a host does for programs of any user of its machine: it takes their mail, and tells what waits. */

import {
  PICKUP_CONNECTIONS_PER_MIN_MAX,
  PICKUP_SESSIONS_MAX,
  SHOWQ_SESSIONS_MAX,
} from '../mail/limits.ts'
import { PickupAccess } from '../mail/pickup-access.ts'
import { SmtpService, type SmtpServiceContext } from '../mail/smtp-service.ts'
import type { LocalUsers } from '../ports/local-users.ts'
import { RECIPIENTS_MAX } from './limits.ts'
import type { MailHostOptions } from './mail-host-options.ts'
import { QueueLister } from './queue-lister.ts'

export interface PickupPorts {
  /** Paths of sockets to which everybody may connect. */
  readonly submission: string
  readonly queue: string
  readonly users: LocalUsers
}

interface Service {
  start(): Promise<unknown>
  stop(): Promise<void>
}

export function pickupServices(
  { sendmail = {}, limits }: MailHostOptions,
  ports: PickupPorts | undefined,
  context: Omit<SmtpServiceContext, 'service' | 'pickup' | 'tls'>,
): readonly Service[] {
  if (ports === undefined) return []
  const submission = new SmtpService(
    {
      listen: { host: ports.submission, port: 0, access: 'everyone' },
      sizeBytesMax: limits.messageBytesMax,
      recipientsMax: RECIPIENTS_MAX,
      plaintextAuth: 'allow',
      // Programs of old end their lines as they like.
      bareLineEnds: 'repair',
      sessionsMax: PICKUP_SESSIONS_MAX,
      sessionsPerPeerMax: PICKUP_SESSIONS_MAX,
      connectionsPerPeerMax: PICKUP_CONNECTIONS_PER_MIN_MAX,
    },
    {
      ...context,
      service: 'pickup',
      pickup: new PickupAccess(sendmail, ports.submission, ports.users),
    },
  )
  if (sendmail.mailq === 'owner') return [submission]
  const lister = new QueueLister(
    {
      listen: { host: ports.queue, port: 0, access: 'everyone' },
      sessionsMax: SHOWQ_SESSIONS_MAX,
      connectionsPerPeerMax: PICKUP_CONNECTIONS_PER_MIN_MAX,
    },
    context,
  )
  return [submission, lister]
}
