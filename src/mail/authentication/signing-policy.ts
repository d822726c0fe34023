/** Signs the mail of those who have logged in, for the domain of its author. RFC 6376. */

import type { Clock } from '../../ports/clock.ts'
import type { MailAuthentication } from '../../ports/mail-authentication.ts'
import type { MessageReader, Policy, PolicySession } from '../policy/policy.ts'
import type { SigningKeys } from './signing-keys.ts'

export interface SigningPorts {
  readonly authentication: MailAuthentication
  readonly clock: Clock
}

export class SigningPolicy implements Policy {
  readonly name: string = 'signing'
  readonly #keys: SigningKeys
  readonly #ports: SigningPorts

  constructor(keys: SigningKeys, ports: SigningPorts) {
    this.#keys = keys
    this.#ports = ports
  }

  reader({ user }: PolicySession): MessageReader | undefined {
    return user === undefined ? undefined : messageSigner(this.#keys, this.#ports)
  }
}

/** Undefined where there are no keys at all. */
export function messageSigner(
  keys: SigningKeys,
  { authentication, clock }: SigningPorts,
): MessageReader | undefined {
  if (keys.isEmpty) return undefined
  const signer = authentication.signer()
  return {
    push: (bytes) => signer.push(bytes),
    end: async () => {
      signer.end()
      const now = clock.wall()
      const own = signer.author === undefined ? [] : keys.of(signer.author, now)
      return { type: 'accept', headers: await signer.sign(own, now) }
    },
  }
}
