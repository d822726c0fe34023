/** The recipients of a mail that is being accepted: aliases are expanded once, and nobody gets two copies. */

import type { Mailbox, RecipientParameters } from '../proto/smtp/envelope.ts'
import { formatMailbox } from '../proto/smtp/path.ts'
import type { Aliases } from './aliases.ts'
import type { EnvelopeRecipient } from './spool-record.ts'

export class RecipientList {
  readonly #aliases: Aliases
  readonly #all: EnvelopeRecipient[] = []
  readonly #named = new Set<string>()

  constructor(aliases: Aliases) {
    this.#aliases = aliases
  }

  get all(): readonly EnvelopeRecipient[] {
    return this.#all
  }

  /** Throws `mail/alias-loop`. */
  add(recipient: Mailbox, parameters: RecipientParameters): void {
    for (const one of expandedTo(this.#aliases.expand(recipient), recipient, parameters)) {
      const name = formatMailbox(one).toLowerCase()
      // Who is a member of two of the aliases gets one copy.
      if (one.isExpanded || !this.#named.has(name)) this.#all.push(one)
      if (!one.isExpanded) this.#named.add(name)
    }
  }
}

/** Who is to have the mail in place of a recipient. RFC 3461 §5.2.7.2, §5.2.7.3 (c). */
function expandedTo(
  members: readonly Mailbox[],
  recipient: Mailbox,
  parameters: RecipientParameters,
): readonly EnvelopeRecipient[] {
  const { notify } = parameters
  const wantsSuccess = members.length > 1 && notify?.includes('success') === true
  if (!wantsSuccess) return members.map((member) => withParameters(member, parameters))
  const others = notify.filter((kind) => kind !== 'success')
  const rest = { ...parameters, notify: others.length === 0 ? (['never'] as const) : others }
  return [
    { ...recipient, parameters, isExpanded: true },
    ...members.map((member) => withParameters(member, rest)),
  ]
}

export function withParameters(
  mailbox: Mailbox,
  parameters: RecipientParameters,
): EnvelopeRecipient {
  return Object.keys(parameters).length === 0 ? mailbox : { ...mailbox, parameters }
}
