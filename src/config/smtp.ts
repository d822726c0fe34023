/** What a file says of the services that speak SMTP. */

import type { MailHostOptions } from '../bridge/mail-host-options.ts'
import { mapping, oneOf, orOff, type Shape, socketAddress } from './schema.ts'

export const SMTP_SERVICES = ['smtp', 'submission', 'submissions', 'lmtp'] as const

type SmtpText = Pick<Required<MailHostOptions>, (typeof SMTP_SERVICES)[number]>

const common = {
  listen: socketAddress,
  bareLineEnds: oneOf(['refuse', 'repair']).default('refuse'),
}

export const smtpShape: Shape<Partial<SmtpText>> = {
  smtp: orOff(mapping<SmtpText['smtp']>(common)),
  submission: orOff(
    mapping<SmtpText['submission']>({
      ...common,
      plaintextAuth: oneOf(['allow', 'refuse']).default('refuse'),
    }),
  ),
  submissions: orOff(mapping<SmtpText['submissions']>(common)),
  lmtp: orOff(mapping<SmtpText['lmtp']>(common)),
}
