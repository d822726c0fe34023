import { formatDuration } from '../base/quantity.ts'
import type { LinkQuality } from '../config/link-quality.ts'
import type { Speed } from './lab-driver.ts'

/** What a link does, in the words of the commands that change it. */
export function formatLink(quality: LinkQuality): string {
  const { oneWayDelayMs, jitterMs, jitterDistribution, lossShare, gilbertElliott } = quality
  const parts = [
    quality.isDown ? 'down' : 'up',
    quality.lightTime !== undefined
      ? `delay as light between ${quality.lightTime.join(' and ')}`
      : quality.delays !== undefined
        ? 'delay by its table'
        : `delay ${formatDuration(oneWayDelayMs)}`,
    jitterMs && `jitter ${formatDuration(jitterMs)} ${jitterDistribution ?? 'uniform'}`,
    `loss ${percent(lossShare)}`,
    gilbertElliott &&
      `bursts p ${percent(gilbertElliott.toBad)} r ${percent(gilbertElliott.toGood)}`,
    quality.duplicateShare && `duplicate ${percent(quality.duplicateShare)}`,
    quality.reorderShare && `reorder ${percent(quality.reorderShare)}`,
    quality.corruptShare && `corrupt ${percent(quality.corruptShare)}`,
    quality.rateBytesPerSec && `rate ${quality.rateBytesPerSec} B/s`,
    quality.contacts && `${quality.contacts.length} contacts`,
  ]
  return parts.filter((part) => typeof part === 'string').join(', ')
}

export function speedText(speed: Speed): string {
  return speed === 'max' ? 'as fast as it can' : `at speed ${speed}`
}

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(6))}%`
}
