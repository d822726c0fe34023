/** What a link does to what is sent over it, as a scenario says it and the lab's links carry it out. */

/**
 * One direction of a link. Shares are of all packets, from 0 to 1; times are milliseconds after the
 * start of the scenario. What is absent, or undefined, does not happen.
 */
export interface LinkQuality {
  /** Where neither `delays` nor `lightTime` nor a contact says otherwise. */
  readonly oneWayDelayMs: number
  /** Each packet for itself. */
  readonly lossShare: number
  /** In bursts, besides. */
  readonly gilbertElliott?: GilbertElliott | undefined
  /** How far delays scatter: the half width of `uniform`, the standard deviation of the others. */
  readonly jitterMs?: number | undefined
  /** Default: uniform. */
  readonly jitterDistribution?: JitterDistribution | undefined
  /** Arrive twice. */
  readonly duplicateShare?: number | undefined
  /** Arrive at once, before all that are under way. */
  readonly reorderShare?: number | undefined
  /** How much of each random number is the one before it, as netem has it. Default: nothing. */
  readonly correlations?: LinkCorrelations | undefined
  /** Have one bit wrong when they arrive: a checksum finds it, and they are lost. */
  readonly corruptShare?: number | undefined
  /** `off`: datagrams have no checksum, and arrive with what was corrupted in their payload. Default: on. */
  readonly udpChecksum?: 'on' | 'off' | undefined
  /** Default: a packet takes no time to leave. */
  readonly rateBytesPerSec?: number | undefined
  /** What may wait where there is a rate; what finds the queue full is lost. */
  readonly queueBytesMax?: number | undefined
  /** When anything is carried: what does not leave within one is lost. Default: always. */
  readonly contacts?: readonly LinkContact[] | undefined
  /** The delay over time, in order of time and straight between two points; before and after them as at the nearest. */
  readonly delays?: readonly DelayPoint[] | undefined
  /** The delay is the time that light takes between the two. */
  readonly lightTime?: readonly [Planet, Planet] | undefined
  /** Somebody has switched it off: nothing gets through. */
  readonly isDown?: boolean | undefined
}

export type JitterDistribution = 'uniform' | 'normal' | 'pareto' | 'paretonormal'

/** Shares, each for the numbers that decide one thing. */
export type LinkCorrelations = Readonly<
  Partial<Record<'jitter' | 'loss' | 'duplicate' | 'reorder' | 'corrupt', number>>
>

/** A link with a good and a bad state; netem's `gemodel` with p, r, 1-h, 1-k in this order. */
export interface GilbertElliott {
  /** How likely the state turns bad with a packet. */
  readonly toBad: number
  /** How likely it turns good again. */
  readonly toGood: number
  /** Lost while it is bad. */
  readonly badLoss: number
  /** Lost while it is good. */
  readonly goodLoss: number
}

/** Those of one direction do not overlap. */
export interface LinkContact {
  readonly fromMs: number
  readonly untilMs: number
  /** It comes again and again, for ever: the time from one beginning to the next. */
  readonly everyMs?: number | undefined
  /** Default: those of the link. */
  readonly rateBytesPerSec?: number | undefined
  readonly oneWayDelayMs?: number | undefined
}

export interface DelayPoint {
  readonly atMs: number
  readonly oneWayDelayMs: number
}

export const PLANETS = [
  'mercury',
  'venus',
  'earth',
  'mars',
  'jupiter',
  'saturn',
  'uranus',
  'neptune',
] as const

export type Planet = (typeof PLANETS)[number]
