import { formatNextHop, isFarGateway } from '../mail/next-hop.ts'
import type { QueueOptions } from '../mail/queue.ts'
import type { HostBounds } from './host-bounds.ts'
import {
  ATTEMPTS_PER_GATEWAY_MAX,
  CONNECTIONS_PER_DESTINATION_MAX,
  LOCAL_ATTEMPTS_MAX,
  QUEUED_MESSAGES_MAX,
} from './limits.ts'
import { type MailHostOptions, ruleOf } from './mail-host-options.ts'

/** The waits between two attempts, from the first to the longest. RFC 5321 §4.5.4.1. */
const FIRST_RETRY_MS = 60_000
const RETRY_MAX_MS = 3_600_000

/** Attempts under way to one next hop. */
const ATTEMPTS_MAX = {
  local: LOCAL_ATTEMPTS_MAX,
  bp: ATTEMPTS_PER_GATEWAY_MAX,
  other: CONNECTIONS_PER_DESTINATION_MAX,
}

/** When mail of a host is tried again and given up, and how much of it may wait. */
export function queueOptions(
  { host, retry }: MailHostOptions,
  { spoolBytesMax }: HostBounds,
): QueueOptions {
  const { giveUpAfterMs, warnAfterMs } = retry
  const schedule = { firstRetryMs: FIRST_RETRY_MS, retryMaxMs: RETRY_MAX_MS, giveUpAfterMs }
  return {
    hostname: host,
    spool: { bytesMax: spoolBytesMax, messagesMax: QUEUED_MESSAGES_MAX },
    ...(warnAfterMs !== undefined && { warnAfterMs }),
    routeSchedules: new Map(
      retry.routes.map(({ route, giveUpAfterMs }) => {
        const hop = ruleOf({ domain: '*', route }).nextHop
        const attemptsMax = ATTEMPTS_MAX[isFarGateway(hop) ? 'bp' : 'other']
        return [formatNextHop(hop), { ...schedule, giveUpAfterMs, attemptsMax }]
      }),
    ),
    schedules: {
      local: { ...schedule, attemptsMax: ATTEMPTS_MAX.local },
      bp: { ...schedule, attemptsMax: ATTEMPTS_MAX.bp },
      other: { ...schedule, attemptsMax: ATTEMPTS_MAX.other },
    },
  }
}
