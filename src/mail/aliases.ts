/** Addresses that stand for others, as in Postfix's virtual(5). */

import type { Mailbox } from '../proto/smtp/envelope.ts'
import { formatMailbox } from '../proto/smtp/path.ts'
import { mailFault } from './fault.ts'
import { ALIAS_DEPTH_MAX, ALIAS_MEMBERS_MAX } from './limits.ts'

export interface Alias {
  /** `info@a.com`, or `@a.com` for whatever nobody else in the domain is. */
  readonly address: string
  readonly members: readonly Mailbox[]
}

export class Aliases {
  #members: ReadonlyMap<string, readonly Mailbox[]>
  readonly #hasMailbox: (mailbox: Mailbox) => boolean

  /** `hasMailbox` keeps those with one of their own from the catch-all. */
  constructor(aliases: readonly Alias[], hasMailbox: (mailbox: Mailbox) => boolean) {
    this.#members = tableOf(aliases)
    this.#hasMailbox = hasMailbox
  }

  /** Others, from now on; what was expanded before stays as it is. */
  replace(aliases: readonly Alias[]): void {
    this.#members = tableOf(aliases)
  }

  has(mailbox: Mailbox): boolean {
    return this.#membersOf(mailbox) !== undefined
  }

  /**
   * Whom a mail for `mailbox` goes to, each once; itself where it is no alias. One that is among its
   * own members stands for itself there. Throws `mail/alias-loop` where they lead round in circles
   * or to too many.
   */
  expand(mailbox: Mailbox): readonly Mailbox[] {
    const found = new Map<string, Mailbox>()
    const visit = (current: Mailbox, above: readonly string[]): void => {
      const name = keyOf(current)
      const members = above.at(-1) === name ? undefined : this.#membersOf(current)
      if (members === undefined) {
        found.set(name, current)
        if (found.size > ALIAS_MEMBERS_MAX) throw loop(mailbox, 'stands for too many')
        return
      }
      if (above.includes(name) || above.length >= ALIAS_DEPTH_MAX) {
        throw loop(mailbox, 'leads back to itself')
      }
      for (const member of members) visit(member, [...above, name])
    }
    visit(mailbox, [])
    return [...found.values()]
  }

  #membersOf(mailbox: Mailbox): readonly Mailbox[] | undefined {
    const own = this.#members.get(keyOf(mailbox)) ?? this.#members.get(withoutExtension(mailbox))
    if (own !== undefined) return own
    return this.#hasMailbox(mailbox)
      ? undefined
      : this.#members.get(`@${mailbox.domain.toLowerCase()}`)
  }
}

function tableOf(aliases: readonly Alias[]): ReadonlyMap<string, readonly Mailbox[]> {
  return new Map(aliases.map(({ address, members }) => [address.toLowerCase(), members]))
}

/** `user` of `user+tag`. */
export function plainLocalPart(localPart: string): string {
  const plus = localPart.indexOf('+')
  return plus > 0 ? localPart.slice(0, plus) : localPart
}

/** `tag` of `user+tag`; empty where the address has none, or where it is the user's whole name. */
export function detailOf({ localPart }: Mailbox, user: string): string {
  const plain = plainLocalPart(localPart)
  return localPart.toLowerCase() === user.toLowerCase() ? '' : localPart.slice(plain.length + 1)
}

function keyOf(mailbox: Mailbox): string {
  return formatMailbox(mailbox).toLowerCase()
}

function withoutExtension(mailbox: Mailbox): string {
  return keyOf({ ...mailbox, localPart: plainLocalPart(mailbox.localPart) })
}

function loop(mailbox: Mailbox, what: string): Error {
  const text = `the alias ${formatMailbox(mailbox)} ${what}`
  return mailFault('mail/alias-loop', text, { temporary: false })
}
