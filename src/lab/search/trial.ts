/**
 * What a seed draws: a small world, what people do in it, and what goes wrong. Everything that may be
 * left out has a name (`m3`, `f0`, `l1`, `h2`), so that the shortest reproduction is a seed and a list.
 */

import type { LinkQuality } from '../../config/link-quality.ts'
import type { Protocol } from '../../dtn/bundle-host.ts'
import type { DiskFaultCode } from '../../ports/disk.ts'
import type { HostEvent } from '../../ports/events.ts'
import type { StoreFaultCode } from '../../ports/store.ts'
import type { NotifyKind } from '../../proto/smtp/envelope.ts'

export interface Trial {
  /** Of what is lost on the links and of the identifiers. */
  readonly seed: number
  readonly hosts: readonly TrialHost[]
  readonly links: readonly TrialLink[]
  readonly mails: readonly TrialMail[]
  readonly visits: readonly TrialVisit[]
  readonly faults: readonly TrialFault[]
}

export interface TrialHost {
  /** Also the number of its node. */
  readonly number: number
  /** That of the first host on its network. */
  readonly network: number
  readonly storeBytesMax: number
  /** For how long mail is tried. */
  readonly patienceMs: number
}

export interface TrialLink {
  readonly name: string
  /** Numbers of networks. */
  readonly between: readonly [number, number]
  /** In both directions. Contacts are of both hosts' contact plans as well; the last of them does not end. */
  readonly quality: LinkQuality
  /** What bundles cross it by. Default: udp. */
  readonly layer?: Protocol
}

export interface TrialMail {
  readonly name: string
  readonly atMs: number
  /** Numbers of hosts. */
  readonly from: number
  readonly to: readonly TrialRecipient[]
  readonly bytes: number
}

export interface TrialRecipient {
  readonly host: number
  /** There is no other user than `user`. */
  readonly user: 'user' | 'nobody'
  readonly notify?: readonly NotifyKind[]
}

/** A mail program reads the mailbox of a host, and may remove what it has read. */
export interface TrialVisit {
  readonly name: string
  readonly atMs: number
  readonly host: number
  readonly protocol: 'imap' | 'pop3'
  readonly removes: boolean
}

export type TrialFault = { readonly name: string } & (
  | {
      readonly type: 'power'
      readonly host: number
      readonly when: Moment
      readonly forMs: number
      /** Some of what was not durable is there all the same. */
      readonly isLucky: boolean
    }
  | ({ readonly type: 'store'; readonly code: StoreFaultCode } & HostSpan)
  | ({ readonly type: 'disk'; readonly code: DiskFaultCode } & HostSpan)
  | ({ readonly type: 'clock'; readonly aheadMs: number } & HostSpan)
  | { readonly type: 'link'; readonly link: string; readonly atMs: number; readonly forMs: number }
)

interface HostSpan {
  readonly host: number
  readonly atMs: number
  readonly forMs: number
}

/** At a time, or a little after a host has told of something so many times. */
export type Moment =
  | { readonly atMs: number }
  | { readonly after: HostEvent['type']; readonly count: number; readonly laterMs: number }

/** What an ordinary host has. */
export const ROOMY_STORE_BYTES = 67_108_864
export const LONG_PATIENCE_MS: number = 80 * 86_400_000

/** What `only` may leave out. */
export function namesIn(trial: Trial): readonly string[] {
  const { hosts, links, mails, visits, faults } = trial
  return [
    ...hosts.filter((host) => plainHost(host) !== host).map(({ number }) => `h${number}`),
    ...links.filter((link) => plainLink(link) !== link).map(({ name }) => name),
    ...[...mails, ...visits, ...faults].map(({ name }) => name),
  ]
}

/**
 * The trial with nothing but what is named: links and hosts that are not become ordinary ones, and
 * hosts that nothing needs any more are not there.
 */
export function only(trial: Trial, names: ReadonlySet<string>): Trial {
  const isNamed = ({ name }: { readonly name: string }): boolean => names.has(name)
  return withoutIdleHosts({
    seed: trial.seed,
    hosts: trial.hosts.map((host) => (names.has(`h${host.number}`) ? host : plainHost(host))),
    links: trial.links.map((link) => (isNamed(link) ? link : plainLink(link))),
    mails: trial.mails.filter(isNamed),
    visits: trial.visits.filter(isNamed),
    faults: trial.faults.filter(isNamed),
  })
}

function plainHost(host: TrialHost): TrialHost {
  const { storeBytesMax, patienceMs } = host
  if (storeBytesMax === ROOMY_STORE_BYTES && patienceMs === LONG_PATIENCE_MS) return host
  return { ...host, storeBytesMax: ROOMY_STORE_BYTES, patienceMs: LONG_PATIENCE_MS }
}

function plainLink(link: TrialLink): TrialLink {
  const { layer, quality, ...plain } = link
  const { oneWayDelayMs, lossShare, ...others } = quality
  if (lossShare === 0 && Object.keys(others).length === 0 && layer === undefined) return link
  return { ...plain, quality: { oneWayDelayMs, lossShare: 0 } }
}

/** Mail between two hosts that stay takes the way that it took. */
function withoutIdleHosts(trial: Trial): Trial {
  const { hosts, links, mails, visits, faults } = trial
  const needed = new Set<number>()
  for (const { from, to } of mails) {
    for (const { host } of to) for (const each of wayBetween(trial, from, host)) needed.add(each)
  }
  for (const { host } of visits) needed.add(host)
  for (const fault of faults) if (fault.type !== 'link') needed.add(fault.host)
  const left = hosts.filter(({ number }) => needed.has(number))
  const networks = new Set(left.map(({ network }) => network))
  const leftLinks = links.filter(({ between }) => between.every((each) => networks.has(each)))
  return {
    ...trial,
    hosts: left,
    links: leftLinks,
    faults: faults.filter(
      (fault) => fault.type !== 'link' || leftLinks.some(({ name }) => name === fault.link),
    ),
  }
}

/** The link that a host reaches another by, `local` where they share a network; undefined where none does. */
export function linkBetween(
  { links }: Trial,
  a: TrialHost,
  b: TrialHost,
): TrialLink | 'local' | undefined {
  if (a.network === b.network) return 'local'
  return links.find(({ between }) => between.includes(a.network) && between.includes(b.network))
}

/** The hosts on the shortest way, both ends included. */
export function wayBetween(trial: Trial, from: number, to: number): readonly number[] {
  // Backwards, so that the ways of all sources to one destination make a tree.
  const next = new Map<number, number>([[to, to]])
  for (const reached of next.keys()) {
    const here = hostOf(trial, reached)
    for (const other of trial.hosts) {
      if (!next.has(other.number) && linkBetween(trial, other, here))
        next.set(other.number, reached)
    }
  }
  const way = [from]
  for (let at = from; at !== to; ) {
    const step = next.get(at)
    if (step === undefined) return []
    way.push(step)
    at = step
  }
  return way
}

export function hostOf({ hosts }: Trial, number: number): TrialHost {
  const host = hosts.find((each) => each.number === number)
  if (host === undefined) throw new RangeError(`no host ${number}`)
  return host
}
