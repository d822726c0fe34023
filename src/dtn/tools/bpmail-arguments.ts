/** The arguments of bpmail's commands, read as C's getopt_long and strtoul read them. */

/** Where none is named; that of SMTP's port. */
export const MAIL_TOPIC = 25

/** EX_TEMPFAIL of sysexits.h. */
export const TRY_AGAIN_LATER = 75

const UNSIGNED_MAX = 0xffff_ffff

/** With the names of long options in full; `value` for one that has an argument. */
export type KnownOptions = Readonly<Record<string, 'flag' | 'value'>>

/** `options` is undefined where one is not known, or lacks its argument. */
export function optionsOf(
  args: readonly string[],
  known: KnownOptions,
): { readonly options: Map<string, string> | undefined; readonly words: readonly string[] } {
  const options = new Map<string, string>()
  const words: string[] = []
  const wrong = { options: undefined, words }
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? ''
    if (arg === '--') {
      words.push(...args.slice(i + 1))
      break
    }
    if (!arg.startsWith('-') || arg === '-') {
      words.push(arg)
      continue
    }
    const isLong = arg.startsWith('--')
    const name = isLong ? arg.slice(2) : arg.charAt(1)
    const attached = isLong ? '' : arg.slice(2)
    const kind = known[name]
    if (kind === undefined || (kind === 'flag' && attached !== '')) return wrong
    const value = kind === 'flag' ? '' : attached || args[++i]
    if (value === undefined) return wrong
    options.set(name, value)
  }
  return { options, words }
}

/** As strtoul with base 0, up to 32 bits; undefined where `text` begins with no number or a larger one. */
export function unsigned(text: string): number | undefined {
  const match = /^\s*\+?(0x[0-9a-f]+|0[0-7]*|[1-9]\d*)/i.exec(text)
  const digits = match?.[1]
  if (digits === undefined) return undefined
  const isOctal = /^0[0-7]+$/.test(digits)
  const value = isOctal ? Number.parseInt(digits, 8) : Number(digits)
  return value > UNSIGNED_MAX ? undefined : value
}
