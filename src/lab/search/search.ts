/** Tries seeds until one breaks a promise, and makes what it took as short as it can. */

import { monoMs } from '../../base/time.ts'
import { drawTrial } from './draw.ts'
import type { Violation } from './ledger.ts'
import { REPEATED_ONE_IN, SHRINKING_TRIALS_MAX } from './limits.ts'
import { runTrial, type TrialOptions, type TrialOutcome } from './run-trial.ts'
import { namesIn, only, type Trial } from './trial.ts'

export interface SearchOptions extends TrialOptions {
  readonly seedFirst: number
  readonly seeds: number
  /** Whether no time is left for another trial. */
  readonly isOver: () => boolean
  /** Hears of each seed when it is done. */
  readonly onSeed?: (seed: number, failure: Failure | undefined) => void
}

export interface SearchResult {
  /** Fewer than asked for where time ran out. */
  readonly seeds: number
  /** Of these, the ones that were played twice. */
  readonly repeated: number
  readonly events: number
  readonly virtualMs: number
  readonly failures: readonly Failure[]
}

export interface Failure {
  readonly seed: number
  readonly violation: Violation
  /** Names of what it takes, for `only`. */
  readonly only: readonly string[]
  readonly trial: Trial
}

export async function search(options: SearchOptions): Promise<SearchResult> {
  const { seedFirst, seeds, isOver, onSeed = () => {} } = options
  const failures: Failure[] = []
  const result = { seeds: 0, repeated: 0, events: 0, virtualMs: 0 }
  for (let seed = seedFirst; seed < seedFirst + seeds && !isOver(); seed++) {
    const trial = drawTrial(seed)
    const isRepeated = seed % REPEATED_ONE_IN === 0
    const outcome = await playTrial(trial, isRepeated, options)
    result.seeds++
    result.events += outcome.events
    result.virtualMs += outcome.untilMs
    if (isRepeated) result.repeated++
    const failure = outcome.violation && (await shorten(trial, outcome.violation, options))
    if (failure !== undefined) failures.push(failure)
    onSeed(seed, failure)
  }
  return { ...result, failures }
}

/** Once, or twice to see that nothing but the seed decides. */
export async function playTrial(
  trial: Trial,
  isRepeated: boolean,
  options: TrialOptions,
): Promise<TrialOutcome> {
  const outcome = await runTrial(trial, options)
  if (!isRepeated || outcome.violation !== undefined) return outcome
  const again = await runTrial(trial, options)
  if (again.hash === outcome.hash && again.events === outcome.events) return outcome
  const text = `${outcome.hash} after ${outcome.events} events, then ${again.hash} after ${again.events}`
  return {
    ...outcome,
    violation: { rule: 'determinism', text, at: monoMs(outcome.untilMs) },
  }
}

/** Leaves out what the violation does not need: halves first, then less and less, then one by one. */
export async function shorten(
  trial: Trial,
  violation: Violation,
  options: TrialOptions & Pick<SearchOptions, 'isOver'>,
): Promise<Failure> {
  let names = namesIn(trial)
  let found = violation
  let triesLeft = SHRINKING_TRIALS_MAX
  for (let size = Math.ceil(names.length / 2); size >= 1; ) {
    let hasLeftOut = false
    for (let from = 0; from < names.length && triesLeft > 0 && !options.isOver(); triesLeft--) {
      const fewer = names.filter((_, i) => i < from || i >= from + size)
      const isRepeated = violation.rule === 'determinism'
      const outcome = await playTrial(only(trial, new Set(fewer)), isRepeated, options)
      if (outcome.violation?.rule === violation.rule) {
        names = fewer
        found = outcome.violation
        hasLeftOut = true
      } else from += size
    }
    if (size === 1 && !hasLeftOut) break
    if (!hasLeftOut || size > names.length) size = Math.max(1, Math.floor(size / 2))
    if (triesLeft <= 0 || options.isOver()) break
  }
  return { seed: trial.seed, violation: found, only: names, trial: only(trial, new Set(names)) }
}
