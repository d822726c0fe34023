/** What waiting mail will cost, as text. */

import { formatTimestamp } from '../base/calendar.ts'
import { formatDuration, formatSize } from '../base/quantity.ts'
import { type CostSum, type LinkCost, type Money, sumOf } from './queue-cost.ts'

export function formatQueueCost(costs: readonly LinkCost[]): string {
  if (costs.length === 0) return 'No mail waits for a far gateway\n'
  const sum = sumOf(costs)
  return [
    ...costs.flatMap(linesOf),
    `in all: ${headOf(sum, sum.money, sum.seconds)}${unknownOf(sum)}`,
    'Octets on the link are an estimate: mail is compressed as it would be now, together with what waits',
    'beside it. What is sent again because it was lost, and acknowledgements, are not in it.',
    '',
  ].join('\n')
}

function linesOf(cost: LinkCost): readonly string[] {
  const { route, bundledBytes, triedBytes, reckonedBytes, rateBytesPerSec, budget } = cost
  const rate =
    rateBytesPerSec === undefined
      ? '; nobody says at what rate, so seconds are unknown'
      : `, at ${formatSize(rateBytesPerSec)}/s`
  const lines = [`${route}: ${headOf(cost, cost.money ? [cost.money] : [], cost.seconds)}${rate}`]
  const parts = [
    [bundledBytes, 'in bundles that wait'],
    [triedBytes, 'packed now to see'],
    [reckonedBytes, 'reckoned by those that were packed'],
  ] as const
  const made = parts
    .filter(([bytes]) => bytes > 0)
    .map(([bytes, what]) => `${formatSize(bytes)} ${what}`)
  if (made.length > 0) lines.push(`    ${made.join(', ')}`)
  if (cost.mailsLeft > 0)
    lines.push(`    left already, and waiting for the answer: ${mailsOf(cost.mailsLeft)}`)
  if (budget !== undefined) {
    const { usedBytes, bytes, periodMs, until } = budget
    const all = `${formatSize(bytes)} in ${formatDuration(periodMs)}`
    lines.push(
      `    budget: ${formatSize(usedBytes)} of ${all} used, until ${formatTimestamp(until)}`,
    )
  }
  return lines
}

function headOf(
  { mails, linkBytes }: Pick<LinkCost, 'mails' | 'linkBytes'>,
  money: readonly Money[],
  seconds: number | undefined,
): string {
  return [
    mailsOf(mails),
    `about ${formatSize(linkBytes)}`,
    ...(seconds === undefined ? [] : [`${roundUp(seconds)} s of contact`]),
    ...money.map(({ amount, currency }) => `${amount.toFixed(2)} ${currency}`),
  ].join(', ')
}

function unknownOf({ unknown }: CostSum): string {
  return unknown.length === 0 ? '' : `; without the seconds of ${unknown.join(', ')}`
}

function mailsOf(count: number): string {
  return count === 1 ? '1 mail' : `${count} mails`
}

/** To a tenth. */
function roundUp(value: number): number {
  return Math.ceil(value * 10) / 10
}
