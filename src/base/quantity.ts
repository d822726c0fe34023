/** Durations, sizes and shares as people write them: `500ms`, `20min`, `10MiB`, `30%`. */

const DURATION_UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  sec: 1000,
  min: 60_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}

const SIZE_UNITS: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1000,
  KB: 1000,
  MB: 1_000_000,
  GB: 1_000_000_000,
  KiB: 1024,
  MiB: 1_048_576,
  GiB: 1_073_741_824,
}

const QUANTITY = /^(\d+(?:\.\d+)?) ?([A-Za-z]+|%)?$/

/** Milliseconds, or undefined where `text` is no duration. Only `0` may lack its unit. */
export function parseDuration(text: string): number | undefined {
  return parseIn(text, DURATION_UNITS_MS)
}

/** Bytes, or undefined where `text` is no size. Only `0` may lack its unit. */
export function parseSize(text: string): number | undefined {
  const bytes = parseIn(text, SIZE_UNITS)
  return bytes === undefined ? undefined : Math.round(bytes)
}

/** `30%` is 0.3; undefined where `text` is no share between 0% and 100%. */
export function parseShare(text: string): number | undefined {
  const share = parseIn(text, { '%': 0.01 })
  return share === undefined || share > 1 ? undefined : share
}

/** The largest unit that needs no more than three decimals: `20min`, `1.5s`, `500ms`. */
export function formatDuration(durationMs: number): string {
  for (const [unit, unitMs] of [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['min', 60_000],
  ] as const) {
    if (durationMs >= unitMs && Number.isInteger((durationMs / unitMs) * 10)) {
      return `${durationMs / unitMs}${unit}`
    }
  }
  return durationMs >= 1000 ? `${round(durationMs / 1000)}s` : `${round(durationMs)}ms`
}

/** In the largest unit that it fills, to a tenth: `1.5MiB`, `10MiB`, `812B`. */
export function formatSize(bytes: number): string {
  for (const [unit, unitBytes] of [
    ['GiB', 1_073_741_824],
    ['MiB', 1_048_576],
    ['KiB', 1024],
  ] as const) {
    if (bytes >= unitBytes) return `${Math.round((bytes / unitBytes) * 10) / 10}${unit}`
  }
  return `${Math.round(bytes)}B`
}

function parseIn(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const match = QUANTITY.exec(text.trim())
  if (match === null) return undefined
  const [, digits = '', unit] = match
  if (unit === undefined) return Number(digits) === 0 ? 0 : undefined
  const scale = Object.hasOwn(units, unit) ? units[unit] : undefined
  return scale === undefined ? undefined : Number(digits) * scale
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000
}
