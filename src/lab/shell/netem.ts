/** The words of `tc` for netem, and how it shows them. */

import type {
  GilbertElliott,
  JitterDistribution,
  LinkCorrelations,
  LinkQuality,
} from '../../config/link-quality.ts'
import type { NetemOptions } from '../egress.ts'

export type ParsedNetem =
  | { readonly type: 'netem'; readonly options: NetemOptions }
  | { readonly type: 'wrong'; readonly message: string; readonly showsUsage?: true }
  | { readonly type: 'incomplete' }

/** Linux's, and what it takes in 32 bits of nanoseconds times 64. */
const LIMIT_PACKETS = 1000
const LIMIT_PACKETS_MAX = 0xffff_ffff
const TIME_MS_MAX = 274_877

const TIME_UNITS_MS: Readonly<Record<string, number>> = {
  s: 1000,
  sec: 1000,
  secs: 1000,
  ms: 1,
  msec: 1,
  msecs: 1,
  us: 0.001,
  usec: 0.001,
  usecs: 0.001,
  '': 0.001,
  ns: 0.000_001,
  nsec: 0.000_001,
  nsecs: 0.000_001,
}

/** In bits per second. */
const RATE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  bit: 1,
  kibit: 1024,
  kbit: 1e3,
  mibit: 1024 ** 2,
  mbit: 1e6,
  gibit: 1024 ** 3,
  gbit: 1e9,
  bps: 8,
  kibps: 8 * 1024,
  kbps: 8e3,
  mibps: 8 * 1024 ** 2,
  mbps: 8e6,
  gibps: 8 * 1024 ** 3,
  gbps: 8e9,
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] }

class Refusal extends Error {
  readonly showsUsage: boolean

  constructor(message: string, showsUsage = false) {
    super(message)
    this.showsUsage = showsUsage
  }
}
class Incomplete extends Error {}

/** What follows `netem`. */
export function parseNetem(words: readonly string[]): ParsedNetem {
  try {
    return { type: 'netem', options: new NetemWords(words).parse() }
  } catch (error) {
    if (error instanceof Incomplete) return { type: 'incomplete' }
    if (!(error instanceof Refusal)) throw error
    const { message, showsUsage } = error
    return { type: 'wrong', message, ...(showsUsage && { showsUsage }) }
  }
}

class NetemWords {
  readonly #words: string[]
  readonly #quality: Mutable<LinkQuality> = { oneWayDelayMs: 0, lossShare: 0 }
  #limitPackets = LIMIT_PACKETS

  constructor(words: readonly string[]) {
    this.#words = [...words]
  }

  parse(): NetemOptions {
    const quality = this.#quality
    for (let word = this.#words.shift(); word !== undefined; word = this.#words.shift()) {
      const take = TAKES[word]
      if (take !== undefined) take(this, quality)
      else if (word === 'limit') this.#limitPackets = this.#limit()
      else if (['slot', 'ecn', 'gap', 'seed'].includes(word)) {
        throw new Refusal(`netem: ${word} is not in the lab`)
      } else throw new Refusal(`What is "${word}"?`, true)
    }
    if (quality.reorderShare !== undefined && quality.oneWayDelayMs === 0) {
      throw new Refusal('reordering not possible without specifying some delay', true)
    }
    if (quality.jitterDistribution !== undefined && quality.jitterMs === undefined) {
      throw new Refusal('distribution specified but no latency and jitter values', true)
    }
    return { quality, limitPackets: this.#limitPackets }
  }

  next(): string {
    const word = this.#words.shift()
    if (word === undefined) throw new Incomplete()
    return word
  }

  /** The next word, where it is a number. */
  number(): string | undefined {
    return /^[-+.]?\d/.test(this.#words[0] ?? '') ? this.#words.shift() : undefined
  }

  /** Where the word after it is this one, both are taken. */
  has(word: string): boolean {
    if (this.#words[0] !== word) return false
    this.#words.shift()
    return true
  }

  time(what: string, word: string): number {
    const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)([a-z]*)$/i.exec(word) ?? []
    const unitMs = TIME_UNITS_MS[unit.toLowerCase()]
    const ms = unitMs === undefined || digits === undefined ? undefined : Number(digits) * unitMs
    if (ms === undefined || ms > TIME_MS_MAX) throw new Refusal(`Illegal "${what}"`)
    return ms
  }

  share(what: string, word: string): number {
    const [, digits] = /^(\d+(?:\.\d+)?)%?$/.exec(word) ?? []
    const share = digits === undefined ? undefined : Number(digits) / 100
    if (share === undefined || share > 1) throw new Refusal(`Illegal "${what}"`)
    return share
  }

  /** Makes each packet somewhat like the one before. */
  correlation(quality: Mutable<LinkQuality>, what: keyof LinkCorrelations): void {
    const word = this.number()
    if (word === undefined) return
    const share = this.share(CORRELATION_NAMES[what], word)
    quality.correlations = { ...quality.correlations, [what]: share }
  }

  #limit(): number {
    const word = this.next()
    const limit = Number(word)
    if (!/^\d+$/.test(word) || limit > LIMIT_PACKETS_MAX) throw new Refusal('Illegal "limit"')
    return Math.max(1, limit)
  }
}

/** As tc calls them in its complaints. */
const CORRELATION_NAMES: Readonly<Record<keyof LinkCorrelations, string>> = {
  jitter: 'latency',
  loss: 'loss correllation',
  duplicate: 'duplicate',
  reorder: 'reorder',
  corrupt: 'corrupt',
}

const DISTRIBUTIONS: readonly JitterDistribution[] = ['uniform', 'normal', 'pareto', 'paretonormal']

const TAKES: Readonly<
  Record<string, ((words: NetemWords, quality: Mutable<LinkQuality>) => void) | undefined>
> = {
  delay: takeDelay,
  latency: takeDelay,
  distribution: (words, quality) => {
    const name = words.next()
    const known = DISTRIBUTIONS.find((one) => one === name)
    if (known === undefined) {
      throw new Refusal(`No distribution data for ${name}: ${DISTRIBUTIONS.join(', ')} are there`)
    }
    quality.jitterDistribution = known
  },
  loss: takeLoss,
  drop: takeLoss,
  duplicate: (words, quality) => {
    quality.duplicateShare = words.share('duplicate', words.next())
    words.correlation(quality, 'duplicate')
  },
  reorder: (words, quality) => {
    quality.reorderShare = words.share('reorder', words.next())
    words.correlation(quality, 'reorder')
  },
  corrupt: (words, quality) => {
    quality.corruptShare = words.share('corrupt', words.next())
    words.correlation(quality, 'corrupt')
  },
  rate: (words, quality) => {
    const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)([a-z]*)$/i.exec(words.next()) ?? []
    const bits = Number(digits) * (RATE_UNITS[unit.toLowerCase()] ?? Number.NaN)
    if (!(bits >= 8)) throw new Refusal('Illegal "rate"')
    quality.rateBytesPerSec = bits / 8
    // Its bound is that in packets.
    quality.queueBytesMax = Number.MAX_SAFE_INTEGER
    if (words.number() !== undefined) throw new Refusal('netem: packet overhead is not in the lab')
  },
}

function takeDelay(words: NetemWords, quality: Mutable<LinkQuality>): void {
  quality.oneWayDelayMs = words.time('latency', words.next())
  const jitter = words.number()
  if (jitter === undefined) return
  quality.jitterMs = words.time('latency', jitter)
  words.correlation(quality, 'jitter')
}

function takeLoss(words: NetemWords, quality: Mutable<LinkQuality>): void {
  if (words.has('state')) throw new Refusal('netem: loss state is not in the lab: gemodel is')
  if (words.has('gemodel')) {
    quality.gilbertElliott = takeBursts(words)
    return
  }
  words.has('random')
  const word = words.next()
  if (!/^[-+.]?\d/.test(word)) throw new Refusal(`Unknown loss parameter: ${word}`)
  quality.lossShare = words.share('loss percent', word)
  words.correlation(quality, 'loss')
}

/** `p [ r [ 1-h [ 1-k ]]]`. */
function takeBursts(words: NetemWords): GilbertElliott {
  const toBad = words.share('loss gemodel p', words.next())
  const share = (what: string, otherwise: number): number => {
    const word = words.number()
    return word === undefined ? otherwise : words.share(`loss gemodel ${what}`, word)
  }
  return {
    toBad,
    toGood: share('r', 1 - toBad),
    badLoss: share('1-h', 1),
    goodLoss: share('1-k', 0),
  }
}

/** `limit 1000 delay 500ms  10ms loss 10%`. */
export function formatNetem({ quality, limitPackets }: NetemOptions): string {
  const { oneWayDelayMs, jitterMs = 0, lossShare, gilbertElliott } = quality
  const { duplicateShare, reorderShare, corruptShare, rateBytesPerSec, correlations } = quality
  const like = (what: keyof LinkCorrelations): string => {
    const share = correlations?.[what]
    return share ? ` ${percent(share)}` : ''
  }
  const parts = [`limit ${limitPackets}`]
  if (oneWayDelayMs > 0) {
    const jitter = jitterMs > 0 ? `  ${timeText(jitterMs)}${like('jitter')}` : ''
    parts.push(`delay ${timeText(oneWayDelayMs)}${jitter}`)
  }
  if (gilbertElliott !== undefined) {
    const { toBad, toGood, badLoss, goodLoss } = gilbertElliott
    const shares = `p ${percent(toBad)} r ${percent(toGood)} 1-h ${percent(badLoss)}`
    parts.push(`loss gemodel ${shares} 1-k ${percent(goodLoss)}`)
  } else if (lossShare > 0) parts.push(`loss ${percent(lossShare)}${like('loss')}`)
  if (duplicateShare) parts.push(`duplicate ${percent(duplicateShare)}${like('duplicate')}`)
  if (reorderShare) parts.push(`reorder ${percent(reorderShare)}${like('reorder')}`)
  if (corruptShare) parts.push(`corrupt ${percent(corruptShare)}${like('corrupt')}`)
  if (rateBytesPerSec !== undefined) parts.push(`rate ${rateText(rateBytesPerSec * 8)}`)
  return parts.join(' ')
}

function timeText(ms: number): string {
  const [value, unit] = ms >= 1000 ? [ms / 1000, 's'] : ms >= 1 ? [ms, 'ms'] : [ms * 1000, 'us']
  return `${Number(value.toPrecision(3))}${unit}`
}

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(6))}%`
}

function rateText(bitsPerSec: number): string {
  let rate = bitsPerSec
  let unit = 0
  const units = ['', 'K', 'M', 'G', 'T']
  for (; unit < units.length - 1; unit++) {
    if (rate < 1000 || (rate % 1000 !== 0 && rate < 1_000_000)) break
    rate /= 1000
  }
  return `${Math.round(rate)}${units[unit]}bit`
}
