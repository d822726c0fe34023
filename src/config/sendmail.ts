/** What a file says of mail from programs of the same machine, and of whom users may send as. */

import type { z } from 'zod'
import type { MailHostOptions } from '../bridge/mail-host-options.ts'
import { parseMailbox } from '../proto/smtp/path.ts'
import { listOf, mapping, oneOf, pairsOf, word, yesOrNo } from './schema.ts'

type SendmailText = Required<MailHostOptions>['sendmail']

const systemUser = word('a user of this machine such as www-data', (text) =>
  /^[A-Za-z_][A-Za-z0-9._@-]{0,63}\$?$/.test(text) ? text : undefined,
)

export const sendmailText: z.ZodType<SendmailText, unknown> = mapping<SendmailText>({
  users: listOf(systemUser, 'a list of users of this machine such as [root, www-data]').optional(),
  senders: oneOf(['anything', 'own']).optional(),
  mailq: oneOf(['everyone', 'owner']).optional(),
})

type SendersText = Required<MailHostOptions>['senders']

const user = word('a user such as ann', (text) =>
  /^[A-Za-z0-9_][A-Za-z0-9._+-]{0,63}\$?$/.test(text) ? text.toLowerCase() : undefined,
) as z.ZodType<string, string>

const ADDRESS = 'an address such as info@a.com, *@a.com for all of a domain, or * for any'

const address = word(ADDRESS, (text) =>
  text === '*' || parseMailbox(text.startsWith('*@') ? `x${text.slice(1)}` : text) !== undefined
    ? text.toLowerCase()
    : undefined,
)

export const sendersText: z.ZodType<SendersText, unknown> = mapping<SendersText>({
  check: yesOrNo.optional(),
  allowed: pairsOf(
    user,
    listOf(address, 'a list of addresses such as [info@a.com]'),
    'a mapping such as ann: [info@a.com]',
  ).optional(),
})
