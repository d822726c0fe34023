/**
 * How long the mails of a corpus take over a link of 1 s and 1 Mbit/s, in the virtual world: as SMTP,
 * as SMTP under TLS, and in bundles. Each mail has one recipient; all are in the queue of the near
 * host within the first seconds. The README says what the lab leaves out.
 */

import { setImmediate } from 'node:timers/promises'
import { fromUtf8 } from '../base/bytes.ts'
import type { MonoMs } from '../base/time.ts'
import { promptPacking } from '../host/packing.ts'
import { type Carriage, DAY_MS, FAR, Stage } from '../lab/experiment/stage.ts'
import { mailCorpus } from './mail-corpus.ts'

export type Way = 'smtp' | 'smtp-tls' | 'bundles-tcp' | 'bundles-udp'

export interface OverALink {
  readonly way: Way
  readonly mails: number
  /** Until half of them, and the last, were in the mailbox at the far side. */
  readonly halfSec: number
  readonly allSec: number
  /** That has crossed the link, both ways, for each mail. */
  readonly linkBytes: number
}

const CARRIAGE: Readonly<Record<Way, Carriage>> = {
  smtp: 'smtp-pipelined',
  'smtp-tls': 'smtp-starttls',
  'bundles-tcp': 'bundles-tcpcl',
  'bundles-udp': 'bundles-udp',
}

export const WAYS: readonly Way[] = ['smtp', 'smtp-tls', 'bundles-tcp', 'bundles-udp']

const POINT = { oneWayDelayMs: 1000, lossShare: 0, contactsPerDay: 0 }
/** The sizes of mails are those of the corpus. */
const SETTINGS = { messages: 0, messageBytes: 0, rateBytesPerSec: 125_000, contactMs: 0 }

export async function measureOverALink(way: Way, seed: number, count: number): Promise<OverALink> {
  const staging = { settle: () => setImmediate(), packing: promptPacking }
  const carriage = CARRIAGE[way]
  const stage = await Stage.open(carriage, { way, ...POINT }, SETTINGS, seed, staging)
  const from = stage.now
  const mails = mailCorpus(seed, count).map(({ message }) => fromUtf8(message))
  await stage.submit(mails, `user@${FAR}`)
  await stage.run(() => stage.arrivals.length >= count, DAY_MS)
  const { arrivals, linkBytes } = stage
  if (arrivals.length < count) throw new Error(`${arrivals.length} of ${count} mails have arrived`)
  await stage.close()
  return {
    ...{ way, mails: count },
    halfSec: secondsFrom(from, arrivals[count >> 1]),
    allSec: secondsFrom(from, arrivals[count - 1]),
    linkBytes: Math.round(linkBytes / count),
  }
}

function secondsFrom(start: MonoMs, end: MonoMs | undefined): number {
  return Math.round(((end ?? start) - start) / 100) / 10
}
