/** Bounds of next hops over expensive links, whichever format their mail has. */

import { formatSize } from '../base/quantity.ts'
import type { Accounts } from '../mail/accounts.ts'
import { type Aliases, plainLocalPart } from '../mail/aliases.ts'
import type { Delivery, DeliveryTarget, MailStart } from '../mail/delivery.ts'
import type { StoreChange } from '../ports/store.ts'
import { type EndpointId, formatEndpointId } from '../proto/bpv7/endpoint-id.ts'
import type { Mailbox } from '../proto/smtp/envelope.ts'
import { formatMailbox } from '../proto/smtp/path.ts'
import { type Budgets, tooLarge } from './budgets.ts'
import type { LinkOptions } from './link-options.ts'
import type { MailFormat } from './mail-format.ts'

export interface CheapLinksPorts {
  readonly formats: MailFormat
  readonly budgets: Budgets
  readonly accounts: Pick<Accounts, 'find'>
  readonly aliases: Pick<Aliases, 'expand'>
}

export class CheapLinks implements MailFormat {
  readonly #links: ReadonlyMap<string, LinkOptions>
  readonly #ports: CheapLinksPorts

  constructor(links: readonly LinkOptions[], ports: CheapLinksPorts) {
    this.#links = new Map(links.map((link) => [link.to, link]))
    this.#ports = ports
  }

  target(destination: EndpointId): DeliveryTarget {
    const inner = this.#ports.formats.target(destination)
    const link = this.#links.get(formatEndpointId(destination))
    return link === undefined ? inner : { start: (mail) => this.#start(mail, link, inner) }
  }

  withdraw(queueId: string): void {
    this.#ports.formats.withdraw(queueId)
  }

  removal(queueId: string): readonly StoreChange[] {
    return [...this.#ports.formats.removal(queueId), ...this.#ports.budgets.removal(queueId)]
  }

  async #start(mail: MailStart, link: LinkOptions, inner: DeliveryTarget): Promise<Delivery> {
    const { queueId, from, sizeBytes: bytes = 0 } = mail
    const { to } = link
    requireSize(link, bytes)
    const account = from.reversePath && this.#accountOf(from.reversePath)
    await this.#ports.budgets.charge(link, { queueId, to, account, bytes })
    return inner.start(mail)
  }

  /** Who pays: an account, by whichever of its addresses; or an alias that several share. */
  #accountOf(sender: Mailbox): string | undefined {
    const { accounts, aliases } = this.#ports
    const own = accounts.find(sender)
    if (own !== undefined) return own.name
    const names = new Set(aliases.expand(sender).flatMap((one) => accounts.find(one)?.name ?? []))
    const [name] = names
    const shared = { ...sender, localPart: plainLocalPart(sender.localPart) }
    return names.size > 1 ? formatMailbox(shared).toLowerCase() : name
  }
}

function requireSize({ to, mailBytesMax }: LinkOptions, bytes: number): void {
  if (mailBytesMax === undefined || bytes <= mailBytesMax) return
  throw tooLarge(
    `a mail of ${formatSize(bytes)}, and ${to} carries mails of up to ${formatSize(mailBytesMax)}`,
  )
}
