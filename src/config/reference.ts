/** What a schema says of itself, for a reference of the files that it reads. */

import { z } from 'zod'

export interface KeyReference {
  readonly key: string
  readonly meaning: string
  /** What is right for it: `a duration such as 500ms`. */
  readonly expected: string
  /** As it would be written; `needed` where it has none. */
  readonly default: string | 'needed' | 'none'
}

/** The keys of a mapping, in the order of its schema. */
export function keysOf(schema: z.ZodType): readonly KeyReference[] {
  const shape = schema instanceof z.ZodPipe ? schema.def.in : undefined
  if (!(shape instanceof z.ZodObject)) throw new RangeError('not the schema of a mapping')
  return Object.entries(shape.shape).map(([key, value]) => ({
    key,
    meaning: (value as z.ZodType).description ?? '',
    expected: expectedOf(value as z.ZodType),
    default: defaultOf(value as z.ZodType),
  }))
}

/** What it says to something that is right nowhere. */
function expectedOf(schema: z.ZodType): string {
  return schema.safeParse(Symbol('nothing')).error?.issues[0]?.message ?? ''
}

function defaultOf(schema: z.ZodType): string {
  if (schema instanceof z.ZodPrefault) return String(schema.def.defaultValue)
  return schema.safeParse(undefined).success ? 'none' : 'needed'
}

/** As Markdown. */
export function keyTable(keys: readonly KeyReference[]): string {
  const rows = keys.map(
    ({ key, meaning, expected, default: fallback }) =>
      `| \`${key}\` | ${meaning} | ${expected} | ${fallback} |\n`,
  )
  return `| key | what it is | value | default |\n| --- | --- | --- | --- |\n${rows.join('')}`
}
