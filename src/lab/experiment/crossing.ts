/** Mail across a link: how long it takes, how much of it arrives, how fast it goes, what it waits for. */

import type { MonoMs } from '../../base/time.ts'
import type { Experiment, Measure, Point, Settings, Staging, Values } from './experiment.ts'
import { CARRIAGES, type Carriage, DAY_MS, FAR, mailsOf, Stage } from './stage.ts'

const ARRIVED: Measure = { key: 'arrived', title: 'arrived', unit: 'of 1', digits: 2 }
/** As long as a queue tries, and a day more. */
const PATIENCE_MS = 6 * DAY_MS
const TO = `user@${FAR}`
const MEBIBYTE = 1_048_576

export const delivery: Experiment = {
  name: 'delivery',
  about: 'how long mails take that are handed in at once, by SMTP and in bundles',
  settings: { messages: 10, messageBytes: 4096, rateBytesPerSec: 1_250_000, contactMs: 0 },
  grid: {
    ways: CARRIAGES,
    oneWayDelaysMs: [0, 1000, 5000, 30_000, 180_000, 1_200_000],
    lossShares: [0, 0.01, 0.1, 0.3],
    contactsPerDay: [0],
  },
  measures: [
    { key: 'all_s', title: 'all there after', unit: 's', digits: 2 },
    { key: 'half_s', title: 'half', unit: 's', digits: 2 },
    ARRIVED,
    { key: 'link_bytes', title: 'on the link for each', unit: 'B', digits: 0 },
  ],
  run: (point, settings, seed, staging) =>
    staged(point, settings, seed, staging, async (stage, mails) => {
      const { messages } = settings
      const from = await handInAll(stage, mails)
      const { arrivals } = stage
      return {
        all_s: secondsBetween(from, arrivals[messages - 1]),
        half_s: secondsBetween(from, arrivals[Math.ceil(messages / 2) - 1]),
        arrived: arrivals.length / messages,
        link_bytes: Math.round(stage.linkBytes / messages),
      }
    }),
}

export const throughput: Experiment = {
  name: 'throughput',
  about: 'how fast large mails follow each other, by SMTP and in bundles',
  settings: { messages: 20, messageBytes: 262_144, rateBytesPerSec: 1_250_000, contactMs: 0 },
  grid: {
    ways: ['smtp-pipelined', 'bundles-udp', 'bundles-tcpcl'],
    oneWayDelaysMs: [0, 100, 1000, 10_000],
    lossShares: [0, 0.001, 0.01],
    contactsPerDay: [0],
  },
  measures: [
    { key: 'mib_per_s', title: 'of messages', unit: 'MiB/s', digits: 3 },
    { key: 'share_of_rate', title: "of the link's rate", unit: 'of 1', digits: 2 },
    ARRIVED,
  ],
  run: (point, settings, seed, staging) =>
    staged(point, settings, seed, staging, async (stage, mails) => {
      const { messages, messageBytes, rateBytesPerSec } = settings
      const from = await handInAll(stage, mails)
      const seconds = secondsBetween(from, stage.arrivals[messages - 1])
      const bytesPerSec = seconds && (messages * messageBytes) / seconds
      return {
        mib_per_s: bytesPerSec && bytesPerSec / MEBIBYTE,
        share_of_rate: bytesPerSec && bytesPerSec / rateBytesPerSec,
        arrived: stage.arrivals.length / messages,
      }
    }),
}

export const contacts: Experiment = {
  name: 'contacts',
  about: 'how long mail waits where the link is there only a few times a day',
  settings: { messages: 24, messageBytes: 4096, rateBytesPerSec: 125_000, contactMs: 600_000 },
  grid: {
    ways: ['smtp-pipelined', 'bundles-udp', 'bundles-tcpcl'],
    oneWayDelaysMs: [1000, 1_200_000],
    lossShares: [0],
    contactsPerDay: [1, 2, 3, 6, 12, 24],
  },
  measures: [
    { key: 'mean_h', title: 'until it is there, on average', unit: 'h', digits: 2 },
    { key: 'known_h', title: 'until the sender knows', unit: 'h', digits: 2 },
    ARRIVED,
  ],
  run: (point, settings, seed, staging) =>
    staged(point, settings, seed, staging, async (stage, mails) => {
      const { messages } = settings
      const handedIn: MonoMs[] = []
      // Over one day, so that some come just before a contact and some just after one.
      for (const mail of mails) {
        handedIn.push(stage.now)
        await stage.submit([mail], TO)
        await stage.run(() => false, DAY_MS / messages)
      }
      await stage.run(() => stage.farewells.length >= messages, PATIENCE_MS)
      const { arrivals, farewells } = stage
      const isComplete = arrivals.length >= messages
      return {
        mean_h: isComplete ? meanHours(handedIn, arrivals) : undefined,
        known_h: isComplete ? meanHours(handedIn, farewells) : undefined,
        arrived: arrivals.length / messages,
      }
    }),
}

async function staged(
  point: Point,
  settings: Settings,
  seed: number,
  staging: Staging,
  play: (stage: Stage, mails: readonly Uint8Array[]) => Promise<Values>,
): Promise<Values> {
  const carriage = CARRIAGES.find((known) => known === point.way) as Carriage
  const stage = await Stage.open(carriage, point, settings, seed, staging)
  const values = await play(stage, mailsOf(settings, seed, TO))
  await stage.close()
  return values
}

/** Waits until they are there, or would not come any more; resolves with when the first was handed in. */
async function handInAll(stage: Stage, mails: readonly Uint8Array[]): Promise<MonoMs> {
  const from = stage.now
  await stage.submit(mails, TO)
  await stage.run(() => stage.arrivals.length >= mails.length, PATIENCE_MS)
  return from
}

function secondsBetween(from: MonoMs, until: MonoMs | undefined): number | undefined {
  return until === undefined ? undefined : Math.round(until - from) / 1000
}

/** Which mail came when does not matter to the average. */
function meanHours(from: readonly MonoMs[], until: readonly MonoMs[]): number {
  const sum = (times: readonly MonoMs[]): number => times.reduce((all, time) => all + time, 0)
  return (sum(until) - sum(from)) / from.length / 3_600_000
}
