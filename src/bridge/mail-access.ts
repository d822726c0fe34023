/** The services by which the users of a host read their mail. */

import type { Accounts } from '../mail/accounts.ts'
import { ImapService } from '../mail/imap-service.ts'
import type { LoginAttempts } from '../mail/login-attempts.ts'
import type { MailboxAccount } from '../mail/mailbox/mailbox.ts'
import type { Mailboxes } from '../mail/mailbox/mailboxes.ts'
import { Maildrops } from '../mail/maildrops.ts'
import { Pop3Service } from '../mail/pop3-service.ts'
import type { MailHostOptions } from './mail-host-options.ts'
import type { MailHostPorts } from './mail-host-ports.ts'

export interface AccessContext {
  readonly accounts: Accounts
  readonly logins: LoginAttempts
  readonly mailboxes: Mailboxes
}

/** Those that the options ask for. */
export function accessServices(
  options: MailHostOptions,
  ports: MailHostPorts,
  { mailboxes, ...context }: AccessContext,
): readonly (ImapService | Pop3Service)[] {
  const tls = { identity: ports.tls.identity }
  const mailboxesOf = ({ name }: { readonly name: string }): MailboxAccount => mailboxes.of(name)
  const common = { ...ports, ...context, hostname: options.host, tls, mailboxesOf }
  const maildrops = new Maildrops()
  const imap = (['imap', 'imaps'] as const).flatMap((service) => {
    const port = options[service]
    if (port === undefined) return []
    return [
      new ImapService(
        { plaintextAuth: 'refuse', ...port },
        {
          ...common,
          service,
          messageBytesMax: options.limits.messageBytesMax,
        },
      ),
    ]
  })
  const pop3 = (['pop3', 'pop3s'] as const).flatMap((service) => {
    const port = options[service]
    if (port === undefined) return []
    return [
      new Pop3Service({ plaintextAuth: 'refuse', ...port }, { ...common, maildrops, service }),
    ]
  })
  return [...imap, ...pop3]
}
