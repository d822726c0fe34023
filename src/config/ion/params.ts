/** The kinds of arguments, each reading what it writes. */

import { type EndpointId, formatEndpointId, parseEndpointId } from '../../proto/bpv7/endpoint-id.ts'
import type { OptionalParam, Param } from './grammar.ts'
import { SERVICE_MAX, UINT_MAX } from './limits.ts'
import { formatIonTime, type IonTime, parseIonTime, TIME_EXPECTED } from './time.ts'

export function optional<T>(param: Param<T>): OptionalParam<T> {
  return { ...param, placeholder: `[${param.placeholder}]`, isOptional: true }
}

/** Any word that is not empty. */
export function word(placeholder: string, expected: string): Param<string> {
  return {
    placeholder,
    expected,
    read: (text) => text || undefined,
    write: (text) => text,
  }
}

/** A command line, in quotes. `''` is none. */
export function shellCommand(placeholder: string, example: string): Param<string> {
  return {
    placeholder: `'${placeholder}'`,
    expected: `a command in quotes such as '${example}'`,
    isCommand: true,
    read: (text) => text,
    write: (text) => text,
  }
}

/** One of a few words. */
export function choice<const T extends string>(placeholder: string, words: readonly T[]): Param<T> {
  return {
    placeholder,
    expected: words.join(' or '),
    read: (text) => words.find((known) => known === text),
    write: (text) => text,
  }
}

export const onOff: Param<boolean> = {
  placeholder: '{ 0 | 1 }',
  expected: '0 or 1',
  read: (text) => (text === '1' ? true : text === '0' ? false : undefined),
  write: (value) => (value ? '1' : '0'),
}

interface NumberRange {
  readonly min?: number
  readonly max?: number
}

/** Decimal. ION reads anything else as 0, or up to where it stops making sense. */
export function whole(
  placeholder: string,
  what: string,
  { min = 0, max = UINT_MAX }: NumberRange = {},
): Param<number> {
  return {
    placeholder,
    expected: `${what}: a whole number from ${min} to ${max}`,
    read: (text) => within(/^-?\d{1,15}$/.test(text) ? Number(text) || 0 : undefined, min, max),
    write: String,
  }
}

/** Where the C library also takes 0x… and, after a zero, octal digits. */
export function wholeAnyBase(
  placeholder: string,
  what: string,
  range: NumberRange = {},
): Param<number> {
  const decimal = whole(placeholder, what, range)
  const { min = 0, max = UINT_MAX } = range
  return {
    ...decimal,
    read: (text) => {
      if (/^0[xX][0-9a-fA-F]{1,8}$/.test(text)) return within(Number(text), min, max)
      if (/^0[0-7]{1,11}$/.test(text)) return within(Number.parseInt(text, 8), min, max)
      return /^-?(0|[1-9]\d*)$/.test(text) ? decimal.read(text) : undefined
    },
  }
}

export function share(placeholder: string, expected: string): Param<number> {
  return {
    placeholder,
    expected,
    read: (text) =>
      within(/^(\d+\.?\d*|\.\d+)(e-?\d{1,3})?$/.test(text) ? Number(text) : undefined, 0, 1),
    write: String,
  }
}

const NODE_MAX = 0xffff_ffff_ffff_ffffn

export function nodeNumber(
  placeholder: string,
  { min = 1n }: { readonly min?: bigint } = {},
): Param<bigint> {
  return {
    placeholder,
    expected: `a node number such as 3, from ${min}`,
    read: (text) => {
      const node = /^\d{1,20}$/.test(text) ? BigInt(text) : undefined
      return node !== undefined && node >= min && node <= NODE_MAX ? node : undefined
    },
    write: String,
  }
}

export const endpointId: Param<EndpointId> = {
  placeholder: '<endpoint name>',
  expected: 'an endpoint such as ipn:2.1',
  read: (text) => {
    const endpoint = parseEndpointId(text)
    return endpoint?.scheme === 'ipn' && endpoint.service > SERVICE_MAX ? undefined : endpoint
  },
  write: formatEndpointId,
}

export function ionTime(placeholder: string): Param<IonTime> {
  return { placeholder, expected: TIME_EXPECTED, read: parseIonTime, write: formatIonTime }
}

/** A time, or one of a few words that stand for something else than a time. */
export function timeOr<const Word extends string>(
  placeholder: string,
  words: Readonly<Record<string, Word>>,
  meaning: string,
): Param<IonTime | Word> {
  return {
    placeholder,
    expected: `${TIME_EXPECTED}, or ${meaning}`,
    read: (text) => (Object.hasOwn(words, text) ? words[text] : parseIonTime(text)),
    write: (value) =>
      typeof value === 'string'
        ? (Object.keys(words).find((key) => words[key] === value) ?? '')
        : formatIonTime(value),
  }
}

function within(value: number | undefined, min: number, max: number): number | undefined {
  return value !== undefined && value >= min && value <= max ? value : undefined
}
