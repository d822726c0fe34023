/** Signs the mail of users. */

import type { Clock } from '../../ports/clock.ts'
import type { MailAuthentication } from '../../ports/mail-authentication.ts'
import { parseMailbox } from '../../proto/smtp/path.ts'
import type { MessageReader, Policy, PolicySession } from '../policy/policy.ts'
import type { SenderOwners } from '../policy/sender-policy.ts'
import type { SigningKeys } from './signing-keys.ts'

export interface SigningPorts {
  readonly authentication: MailAuthentication
  readonly clock: Clock
}

/** Signs for the domain of the first author, where all of them are the user's. RFC 6376. */
export class SigningPolicy implements Policy {
  readonly name: string = 'signing'
  readonly #keys: SigningKeys
  readonly #owners: Pick<SenderOwners, 'owns'>
  readonly #ports: SigningPorts

  constructor(keys: SigningKeys, owners: Pick<SenderOwners, 'owns'>, ports: SigningPorts) {
    this.#keys = keys
    this.#owners = owners
    this.#ports = ports
  }

  reader(session: PolicySession): MessageReader | undefined {
    if (session.user === undefined || this.#keys.isEmpty) return undefined
    const signer = this.#ports.authentication.signer()
    return {
      push: (bytes) => signer.push(bytes),
      end: async () => {
        signer.end()
        const now = this.#ports.clock.wall()
        const domain = this.#domainOf(session, signer.authors)
        const keys = domain === undefined ? [] : this.#keys.of(domain, now)
        return { type: 'accept', headers: await signer.sign(keys, now) }
      },
    }
  }

  /** Undefined where one of them is another's, whom nobody vouches for. */
  #domainOf(session: PolicySession, authors: readonly string[]): string | undefined {
    const mailboxes = authors.map(parseMailbox)
    const areOwn = mailboxes.every(
      (mailbox) => mailbox !== undefined && this.#owners.owns(session, mailbox),
    )
    return areOwn ? mailboxes[0]?.domain.toLowerCase() : undefined
  }
}
