/** What a file says of mail to other servers, by SMTP and LMTP. */

import type { z } from 'zod'
import type { MailHostOptions } from '../bridge/mail-host-options.ts'
import { duration, mapping, oneOf } from './schema.ts'

export interface OutgoingText {
  readonly tls: Outgoing['tls']
  readonly oneWayDelay: number
}

type Outgoing = Required<MailHostOptions>['outgoing']

export const outgoingText: z.ZodType<OutgoingText, unknown> = mapping<OutgoingText>({
  tls: oneOf(['never', 'offered', 'required']).default('offered'),
  oneWayDelay: duration.default(0),
}).prefault({})

export function completeOutgoing({ tls, oneWayDelay }: OutgoingText): Outgoing {
  return { tls, oneWayDelayMs: oneWayDelay }
}
