/** `lightlag sim search`. */

import { formatDuration } from '../base/quantity.ts'
import { PromptSettling } from '../host/settle.ts'
import { drawTrial } from '../lab/search/draw.ts'
import {
  type Failure as Found,
  playTrial,
  type SearchResult,
  search,
} from '../lab/search/search.ts'
import { namesIn, only } from '../lab/search/trial.ts'
import { EXIT, Failure } from './failure.ts'
import { Progress } from './progress.ts'

export interface SimSearchArguments {
  readonly seeds?: number
  readonly seed?: number
  readonly budget?: number
  readonly only?: readonly string[]
  readonly json?: true
}

const SEEDS = 200

export async function simSearch(args: SimSearchArguments): Promise<void> {
  const settling = new PromptSettling()
  try {
    if (args.only === undefined) await searchSeeds(args, settling)
    else await playOnly(args, args.only, settling)
  } finally {
    settling.end()
  }
}

async function searchSeeds(args: SimSearchArguments, { settle }: PromptSettling): Promise<void> {
  const { seed = 1, seeds = args.seed === undefined ? SEEDS : 1, budget, json } = args
  const startedAt = performance.now()
  const spentMs = (): number => performance.now() - startedAt
  const progress = new Progress('seeds')
  const result = await search({
    seedFirst: seed,
    seeds,
    settle,
    isOver: () => budget !== undefined && spentMs() >= budget,
    onSeed: (done, failure) => {
      const count = done - seed + 1
      progress.show(count, () =>
        Math.max(count / seeds, budget === undefined ? 0 : spentMs() / budget),
      )
      if (failure === undefined) return
      progress.end()
      print(json ? JSON.stringify(failure) : failureText(failure))
    },
  })
  progress.end()
  const seconds = Math.round(spentMs() / 100) / 10
  const { failures, ...sum } = result
  const counts = { ...sum, failures: failures.length, seconds }
  print(json ? JSON.stringify(counts) : sumText(result, seeds, seconds))
  if (failures.length > 0) {
    const text = `sim search: ${failures.length} of ${result.seeds} seeds break a promise`
    throw new Failure(EXIT.failed, text)
  }
}

/** What a seed draws, or a part of it, in full. */
async function playOnly(
  { seed, json }: SimSearchArguments,
  wanted: readonly string[],
  { settle }: PromptSettling,
): Promise<void> {
  if (seed === undefined) throw new Failure(EXIT.usage, 'sim search: --only is of one --seed')
  const drawn = drawTrial(seed)
  const unknown = wanted.find((name) => !namesIn(drawn).includes(name))
  if (unknown !== undefined) {
    const known = namesIn(drawn).join(', ')
    throw new Failure(
      EXIT.usage,
      `sim search: seed ${seed} has no ${unknown}: one of ${known} would be right`,
    )
  }
  const trial = only(drawn, new Set(wanted))
  const outcome = await playTrial(trial, true, { settle })
  if (json) print(JSON.stringify({ trial, outcome }))
  else {
    const { violation } = outcome
    const said = violation ? `${violation.rule}: ${violation.text}` : 'Every promise was kept.'
    print(`${JSON.stringify(trial, undefined, 2)}\n${said}`)
  }
  if (outcome.violation !== undefined) {
    throw new Failure(EXIT.failed, `sim search: seed ${seed} breaks a promise`)
  }
}

function failureText({ seed, violation, only: names }: Found): string {
  const { rule, text, at } = violation
  return [
    `Seed ${seed}, after ${formatDuration(Math.round(at / 1000) * 1000)}: ${rule}`,
    `  ${text.replaceAll('\n', '\n  ')}`,
    `  To see it again: lightlag sim search --seed ${seed} --only ${names.join(',')}`,
  ].join('\n')
}

function sumText(result: SearchResult, wanted: number, seconds: number): string {
  const { seeds, repeated, events, virtualMs, failures } = result
  const days = Math.round(virtualMs / 86_400_000)
  const left = seeds < wanted ? ` of ${wanted}, for which the time was not enough` : ''
  const found = failures.length === 0 ? 'Nothing was found.' : `${failures.length} break a promise.`
  return `${seeds} seeds${left}, ${repeated} of them twice: ${events} events in ${days} days of virtual time, in ${seconds} s. ${found}`
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
