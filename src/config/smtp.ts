/** What a file says of the services that speak SMTP. */

import type { z } from 'zod'
import type { MailHostOptions } from '../bridge/mail-host-options.ts'
import {
  countFromOne,
  duration,
  mapping,
  oneOf,
  orOff,
  type Shape,
  socketAddress,
  word,
} from './schema.ts'

export const SMTP_SERVICES = ['smtp', 'submission', 'submissions', 'lmtp'] as const

/** As it is written, each value read. */
export interface SmtpText {
  readonly smtp?: PortText
  readonly submission?: PortText & Pick<Submission, 'plaintextAuth'>
  readonly submissions?: PortText
  readonly lmtp?: PortText
}

type Submission = Required<MailHostOptions>['submission']
type PortOptions = Required<MailHostOptions>['smtp']

interface PortText extends Omit<PortOptions, 'oneWayDelayMs'> {
  readonly oneWayDelay: number
}

/** More than one process can have open. */
export const SESSIONS_CONFIGURED_MAX = 100_000

export const perMinute: z.ZodType<number, unknown> = word(
  'a number a minute such as 60/min, or off for none',
  (text) => (/^[1-9]\d{0,8}\/min$/.test(text) ? Number(text.slice(0, -4)) : undefined),
)

const common: Shape<PortText> = {
  listen: socketAddress,
  bareLineEnds: oneOf(['refuse', 'repair']).default('refuse'),
  vrfy: oneOf(['noncommittal', 'answer', 'refuse']).default('noncommittal'),
  expn: oneOf(['refuse', 'answer']).default('refuse'),
  oneWayDelay: duration.default(0),
  sessionsMax: countFromOne(SESSIONS_CONFIGURED_MAX).optional(),
  sessionsPerPeerMax: countFromOne(SESSIONS_CONFIGURED_MAX).optional(),
  connectionsPerPeerMax: orOff(perMinute),
}

export const smtpShape: Shape<SmtpText> = {
  smtp: orOff(mapping<PortText>(common)),
  submission: orOff(
    mapping<Required<SmtpText>['submission']>({
      ...common,
      plaintextAuth: oneOf(['allow', 'refuse']).default('refuse'),
    }),
  ),
  submissions: orOff(mapping<PortText>(common)),
  lmtp: orOff(mapping<PortText>(common)),
}

export function completeSmtp(
  text: SmtpText,
): Pick<MailHostOptions, (typeof SMTP_SERVICES)[number]> {
  const { smtp, submission, submissions, lmtp } = text
  return {
    ...(smtp && { smtp: portOf(smtp) }),
    ...(submission && {
      submission: { ...portOf(submission), plaintextAuth: submission.plaintextAuth },
    }),
    ...(submissions && { submissions: portOf(submissions) }),
    ...(lmtp && { lmtp: portOf(lmtp) }),
  }
}

function portOf({ oneWayDelay, ...options }: PortText): PortOptions {
  return { ...options, oneWayDelayMs: oneWayDelay }
}
