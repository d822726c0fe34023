/** What a file says of mail from programs of the same machine. */

import type { z } from 'zod'
import type { MailHostOptions } from '../bridge/mail-host-options.ts'
import { listOf, mapping, oneOf, word } from './schema.ts'

type SendmailText = Required<MailHostOptions>['sendmail']

const systemUser = word('a user of this machine such as www-data', (text) =>
  /^[A-Za-z_][A-Za-z0-9._@-]{0,63}\$?$/.test(text) ? text : undefined,
)

export const sendmailText: z.ZodType<SendmailText, unknown> = mapping<SendmailText>({
  users: listOf(systemUser, 'a list of users of this machine such as [root, www-data]').optional(),
  mailq: oneOf(['everyone', 'owner']).optional(),
})
