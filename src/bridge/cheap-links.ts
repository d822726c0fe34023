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
import type { HeldAttachments } from './held-attachments.ts'
import type { HoldingBack } from './holding-back.ts'
import type { LinkOptions } from './link-options.ts'
import type { MailFormat } from './mail-format.ts'

export interface CheapLinksPorts {
  readonly formats: MailFormat
  readonly budgets: Budgets
  readonly held: HeldAttachments
  readonly holdingBack: HoldingBack
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
    const to = formatEndpointId(destination)
    const link = this.#links.get(to)
    // What was begun under other options is ended as it was begun.
    if (link === undefined && !this.#ports.held.isUsed) return inner
    return { start: (mail) => this.#start(mail, link ?? { to }, inner) }
  }

  withdraw(queueId: string): void {
    this.#ports.formats.withdraw(queueId)
  }

  removal(queueId: string): readonly StoreChange[] {
    const { formats, budgets, held } = this.#ports
    return [formats, budgets, held].flatMap((one) => one.removal(queueId))
  }

  async #start(mail: MailStart, link: LinkOptions, inner: DeliveryTarget): Promise<Delivery> {
    const { budgets, held, holdingBack } = this.#ports
    const { queueId, from } = mail
    const { to } = link
    const holding = holdingBack.of(mail, to, link.holdBackAbove)
    const bytes = holding?.sizeBytes ?? mail.sizeBytes ?? 0
    // What waits here and could not cross when it is asked for would be lost; its header is no reason then.
    if (!held.isHandedOut(queueId)) requireSize(link, Math.max(bytes, holding?.largestBytes ?? 0))
    const account = from.reversePath && this.#accountOf(from.reversePath)
    await budgets.charge(link, { queueId, to, account, bytes })
    return holding === undefined ? inner.start(mail) : holding.start(inner)
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
