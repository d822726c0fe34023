/** What a host's file says of how much its users may keep. */

import type { z } from 'zod'
import type { Quota } from '../mail/mailbox/account.ts'
import type { QuotaOptions } from '../mail/quotas.ts'
import type { Contradiction } from './problems.ts'
import { countFromOne, mapping, oneOf, orOff, pairsOf, type Shape, size, word } from './schema.ts'
import type { Path } from './yaml.ts'

interface BoundsText {
  readonly size?: number
  readonly messages?: number
}

export interface QuotaText {
  readonly quota?: BoundsText & {
    readonly whenFull: QuotaOptions['whenFull']
    readonly users: readonly (readonly [name: string, bounds: BoundsText])[]
  }
}

/** More than anybody has, and within what a number counts exactly. */
const MESSAGES_MAX = 1_000_000_000

const bounds: Shape<BoundsText> = {
  size: orOff(size),
  messages: orOff(countFromOne(MESSAGES_MAX)),
}

const userName = word('a name such as ann', (text) => text || undefined) as z.ZodType<
  string,
  string
>

export const quotaShape: Shape<QuotaText> = {
  quota: mapping<Required<QuotaText>['quota']>({
    ...bounds,
    whenFull: oneOf(['refuse', 'defer']).default('refuse'),
    users: pairsOf(
      userName,
      mapping<BoundsText>(bounds),
      'a mapping such as ann: { size: 5GiB }',
    ).default([]),
  }).optional(),
}

export function completeQuotas({ quota }: QuotaText): { readonly quotas?: QuotaOptions } {
  if (quota === undefined) return {}
  const { users, whenFull } = quota
  return {
    quotas: {
      each: quotaOf(quota),
      users: new Map(users.map(([name, one]) => [name.toLowerCase(), quotaOf(one)])),
      whenFull,
    },
  }
}

export function quotaContradictions({ quota }: QuotaText, at: Path): readonly Contradiction[] {
  const names = (quota?.users ?? []).map(([name]) => name)
  return names.flatMap((name, index) => {
    const same = names.findIndex((other) => other.toLowerCase() === name.toLowerCase())
    const message = `${name} is the user ${names[same]} again: once would be right`
    return same === index ? [] : [{ path: [...at, 'quota', 'users', name], message }]
  })
}

function quotaOf({ size, messages }: BoundsText): Quota {
  return {
    ...(size !== undefined && { bytesMax: size }),
    ...(messages !== undefined && { messagesMax: messages }),
  }
}
