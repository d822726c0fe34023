/** Bounds of next hops over expensive links, whichever way and format their mail has. */

import { formatSize } from '../base/quantity.ts'
import type { Accounts } from '../mail/accounts.ts'
import { type Aliases, plainLocalPart } from '../mail/aliases.ts'
import type { Delivery, DeliveryTarget, MailStart } from '../mail/delivery.ts'
import { formatNextHop, type NextHop, type RemoteHop } from '../mail/next-hop.ts'
import type { StoreChange } from '../ports/store.ts'
import { formatEndpointId, parseEndpointId } from '../proto/bpv7/endpoint-id.ts'
import type { Mailbox } from '../proto/smtp/envelope.ts'
import { formatMailbox } from '../proto/smtp/path.ts'
import { type Budgets, tooLarge } from './budgets.ts'
import type { HeldAttachments } from './held-attachments.ts'
import type { HoldingBack } from './holding-back.ts'
import type { LinkOptions } from './link-options.ts'

export interface CheapLinksPorts {
  readonly budgets: Budgets
  readonly held: HeldAttachments
  readonly holdingBack: HoldingBack
  readonly accounts: Pick<Accounts, 'find'>
  readonly aliases: Pick<Aliases, 'expand'>
}

/** The one name of a next hop that may be an expensive link; undefined for all others. */
export function wayOf(hop: NextHop | undefined): string | undefined {
  switch (hop?.transport) {
    case 'bp': {
      const endpoint = parseEndpointId(hop.nextHop)
      return endpoint && `bp:${formatEndpointId(endpoint)}`
    }
    case 'carry':
    case 'https':
      return formatNextHop(hop)
    default:
      return undefined
  }
}

export class CheapLinks {
  readonly #links: ReadonlyMap<string, LinkOptions>
  readonly #ports: CheapLinksPorts

  constructor(links: readonly LinkOptions[], ports: CheapLinksPorts) {
    this.#links = new Map(links.map((link) => [link.route, link]))
    this.#ports = ports
  }

  /** The way to a next hop, within its bounds. */
  over(hop: RemoteHop, inner: DeliveryTarget): DeliveryTarget {
    const route = wayOf(hop)
    const link = route === undefined ? undefined : this.#links.get(route)
    // What was begun under other options is ended as it was begun.
    if (route === undefined || (link === undefined && !this.#ports.held.isUsed)) return inner
    return { start: (mail) => this.#start(mail, link ?? { route }, inner) }
  }

  /** The changes that forget a mail, for the commit that removes it from the queue. */
  removal(queueId: string): readonly StoreChange[] {
    const { budgets, held } = this.#ports
    return [...budgets.removal(queueId), ...held.removal(queueId)]
  }

  async #start(mail: MailStart, link: LinkOptions, inner: DeliveryTarget): Promise<Delivery> {
    const { budgets, held, holdingBack } = this.#ports
    const { queueId, from } = mail
    const { route } = link
    const holding = await holdingBack.of(mail, route, link.holdBackAbove)
    const bytes = holding?.sizeBytes ?? mail.sizeBytes ?? 0
    // What waits here and could not cross when it is asked for would be lost; its header is no reason then.
    if (!held.isHandedOut(queueId)) requireSize(link, Math.max(bytes, holding?.largestBytes ?? 0))
    const account = from.reversePath && this.#accountOf(from.reversePath)
    await budgets.charge(link, { queueId, route, account, bytes })
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

function requireSize({ route, mailBytesMax }: LinkOptions, bytes: number): void {
  if (mailBytesMax === undefined || bytes <= mailBytesMax) return
  throw tooLarge(
    `a mail of ${formatSize(bytes)}, and ${route} carries mails of up to ${formatSize(mailBytesMax)}`,
  )
}
