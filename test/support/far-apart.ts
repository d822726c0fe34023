import { expect } from 'vitest'
import { seededRandom } from '../../src/base/random.ts'
import { wallMs } from '../../src/base/time.ts'
import type { Scenario } from '../../src/config/scenario.ts'
import type { Contact } from '../../src/dtn/contact-plan.ts'
import { Capture } from '../../src/lab/capture.ts'
import { earthMoon, TestLab } from './lab.ts'

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000
/** Of every lab. */
const LAB_START_MS = Date.UTC(2026, 10, 23, 8)
/** As long as mail is tried. */
const PATIENCE_DAYS = 40

export interface FarApartOutcome {
  readonly lab: TestLab
  /** Bodies of the mails that were answered 250. */
  readonly accepted: readonly string[]
  /** Of those, the ones for a user that is not there. */
  readonly forNobody: readonly string[]
  /** How often each body is in the mailbox at the far side. */
  readonly arrived: ReadonlyMap<string, number>
  /** How many reports each has come back with. */
  readonly reported: ReadonlyMap<string, number>
  /** How often its sender heard that it takes longer than predicted. */
  readonly late: ReadonlyMap<string, number>
}

export interface FarApartOptions {
  readonly seed: number
  readonly mails: number
  /** Of each gateway, at random instants. */
  readonly crashes: number
  /** Called before and after each crash, and each day then. Default: nobody looks. */
  readonly look?: (lab: TestLab) => Promise<void>
}

/** 20 minutes of one-way delay, contacts of 10 minutes twice a day both ways, 20 % loss. */
export function farApart(seed: number): Scenario {
  const scenario = earthMoon({ seed, oneWayDelayMs: 20 * MINUTE_MS, loss: 0.2 })
  const contacts: Contact[] = []
  for (let from = DAY_MS / 4; from < (PATIENCE_DAYS + 10) * DAY_MS; from += DAY_MS / 2) {
    for (const [source, destination] of [
      [2n, 3n],
      [3n, 2n],
    ] as const) {
      const begin = LAB_START_MS + from
      const interval = { from: wallMs(begin), until: wallMs(begin + 10 * MINUTE_MS) }
      contacts.push({ source, destination, ...interval, rateBytesPerSec: 250_000, confidence: 1 })
    }
  }
  return {
    ...scenario,
    hosts: scenario.hosts.map((host) => ({
      ...host,
      retry: { giveUpAfterMs: PATIENCE_DAYS * DAY_MS, routes: [] },
      contactPlan: { isFromStart: false, contacts, ranges: [] },
    })),
  }
}

/** Lets mail cross while both gateways lose power again and again, until nothing is left to do. */
export async function runFarApart(options: FarApartOptions): Promise<FarApartOutcome> {
  const { seed, mails, look = async () => {} } = options
  const crashes = 2 * options.crashes
  const random = seededRandom(seed)
  // Nobody looks at millions of packets.
  const lab = await TestLab.start(farApart(seed), { capture: Capture.none() })
  const accepted: string[] = []
  const forNobody: string[] = []
  const perBurst = Math.ceil(mails / (crashes + 1))
  for (let burst = 0, sent = 0; burst <= crashes; burst++) {
    const batch = []
    for (let i = 0; i < perBurst && sent < mails; i++, sent++) {
      const body = `mail ${sent} of seed ${seed}`
      const isForNobody = random.next() < 0.02
      const to = `${isForNobody ? 'nobody' : 'user'}@mail-2.a.com`
      batch.push({ message: numbered(body, random.next()), recipients: [to] })
      accepted.push(body)
      if (isForNobody) forNobody.push(body)
    }
    const replies = await lab.submittedTogether(lab.mail1, batch)
    expect(replies.flat().filter(({ code }) => code === 250)).toHaveLength(batch.length)
    // Half of the crashes come while bundles are sent, or taken.
    const untilContact = DAY_MS / 4 - (lab.lab.world.now() % (DAY_MS / 2))
    const within = random.next() * 50 * MINUTE_MS
    const until = random.next() < 0.5 ? untilContact + within : random.next() * DAY_MS
    await lab.runFor(until < 0 ? until + DAY_MS / 2 : until)
    await look(lab)
    if (burst === crashes) break
    await lab.lab.perform((burst % 2 === 0 ? lab.mail1 : lab.mail2).crash())
    await look(lab)
  }
  // And two days more, in which what was sent too often would come.
  for (let daysLeft = PATIENCE_DAYS, more = 2; daysLeft > 0 && more > 0; daysLeft--) {
    await lab.runFor(DAY_MS)
    await look(lab)
    const arrivals = await lab.mailboxNames(lab.mail2)
    const reports = (await lab.mailbox(lab.mail1)).filter((file) => !isOfDelay(file))
    if (arrivals.length + reports.length >= accepted.length) more--
  }
  const back = await lab.mailbox(lab.mail1)
  return {
    ...{ lab, accepted, forNobody },
    arrived: countBodies(await lab.mailbox(lab.mail2)),
    reported: countBodies(back.filter((file) => !isOfDelay(file))),
    late: countBodies(back.filter(isOfDelay)),
  }
}

function isOfDelay(report: string): boolean {
  return report.includes('\r\nAction: delayed\r\n')
}

/** Of some hundred octets, some of them random. */
function numbered(body: string, salt: number): string {
  return `From: <user@mail-1.a.com>\r\nTo: <user@mail-2.a.com>\r\nSubject: ${body}.\r\n\r\n${String(salt).repeat(1 + (salt * 100) / 10)}\r\n`
}

function countBodies(files: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const file of files) {
    // A report quotes the header of what it is about.
    const body = /Subject: (mail \d+ of seed \d+)\./.exec(file)?.[1]
    if (body === undefined) throw new Error(`a mail that nobody sent: ${file}`)
    counts.set(body, (counts.get(body) ?? 0) + 1)
  }
  return counts
}

/** One mail in the mailbox, or one report with its sender; and one report of a delay at the most. */
export function expectEachOnce(outcome: FarApartOutcome): void {
  const forNobody = new Set(outcome.forNobody)
  const wrong = outcome.accepted.flatMap((body) => {
    const copies = outcome.arrived.get(body) ?? 0
    const reports = outcome.reported.get(body) ?? 0
    const late = outcome.late.get(body) ?? 0
    const isLost = forNobody.has(body)
    const isRight = copies === (isLost ? 0 : 1) && reports === (isLost ? 1 : 0) && late < 2
    return isRight ? [] : [{ body, copies, reports, late }]
  })
  expect(wrong).toEqual([])
}
