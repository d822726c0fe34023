/** What a domain publishes of TLS to its servers, and how long that holds. RFC 8461. */

import { fromUtf8, toUtf8 } from '../../base/bytes.ts'
import { asFault } from '../../base/fault.ts'
import { addMs, type MonoMs, type WallMs, wallMs } from '../../base/time.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Dns } from '../../ports/dns.ts'
import { type Https, httpsFault } from '../../ports/https.ts'
import type { Store, StoreChange } from '../../ports/store.ts'
import {
  STS_AGE_MAX_SEC,
  STS_FETCH_TIMEOUT_MS,
  STS_POLICIES_MAX,
  STS_POLICY_BYTES_MAX,
  STS_RETRY_MS,
} from './limits.ts'

export interface StsPolicy {
  readonly mode: 'enforce' | 'testing' | 'none'
  /** Names in lower case, perhaps with `*` for their first label. */
  readonly mx: readonly string[]
  readonly maxAgeSec: number
}

export interface StsPorts {
  readonly dns: Dns
  readonly https: Https
  readonly clock: Clock
  readonly store: Store
}

interface Kept {
  readonly id: string
  readonly policy: StsPolicy
  readonly until: WallMs
}

const TABLE = 'mta-sts'

/**
 * The policies of the domains that mail goes to. One that is known holds for as long as it said,
 * through restarts and whatever becomes of the resolver and the web server: who can cut those off
 * must not be able to undo it.
 */
export class StsPolicies {
  readonly #ports: StsPorts
  readonly #fetching = new Map<string, Promise<StsPolicy | undefined>>()
  /** When a domain whose policy could not be had may be asked again. */
  readonly #retryAt = new Map<string, MonoMs>()
  /** Until when what is kept of each domain holds; read from the store once it is needed. */
  #ends: Map<string, WallMs> | undefined

  constructor(ports: StsPorts) {
    this.#ports = ports
  }

  /** Undefined where the domain has none, or none is known. */
  async of(domain: string): Promise<StsPolicy | undefined> {
    // One in UTF-8 publishes under its other name, which we do not make of it.
    if (!/^[!-~]{1,253}$/.test(domain)) return undefined
    const known = this.#known(domain)
    const id = await this.#publishedId(domain)
    if (id === undefined || id === known?.id || this.#isTooSoon(domain)) return known?.policy
    const fetching = this.#fetching.get(domain) ?? this.#fetch(domain, id)
    this.#fetching.set(domain, fetching)
    try {
      return (await fetching) ?? known?.policy
    } finally {
      this.#fetching.delete(domain)
    }
  }

  #known(domain: string): Kept | undefined {
    const value = this.#ports.store.get(TABLE, domain)
    const kept = value && decode(value)
    return kept !== undefined && this.#ports.clock.wall() < kept.until ? kept : undefined
  }

  async #publishedId(domain: string): Promise<string | undefined> {
    try {
      const { records } = await this.#ports.dns.resolveTxt(`_mta-sts.${domain}`)
      return parseStsRecord(records)
    } catch (error) {
      asFault(error)
      return undefined
    }
  }

  #isTooSoon(domain: string): boolean {
    const at = this.#retryAt.get(domain)
    return at !== undefined && this.#ports.clock.now() < at
  }

  async #fetch(domain: string, id: string): Promise<StsPolicy | undefined> {
    const { clock, https } = this.#ports
    try {
      const text = await https.getText(`https://mta-sts.${domain}/.well-known/mta-sts.txt`, {
        bytesMax: STS_POLICY_BYTES_MAX,
        timeoutMs: STS_FETCH_TIMEOUT_MS,
      })
      const policy = parseStsPolicy(text)
      if (policy === undefined) throw httpsFault(`${domain}: not a policy`)
      await this.#keep(domain, { id, policy, until: addMs(clock.wall(), policy.maxAgeSec * 1000) })
      this.#retryAt.delete(domain)
      return policy
    } catch (error) {
      asFault(error)
      if (this.#retryAt.size >= STS_POLICIES_MAX) this.#retryAt.clear()
      this.#retryAt.set(domain, addMs(clock.now(), STS_RETRY_MS))
      return undefined
    }
  }

  #readEnds(): Map<string, WallMs> {
    const all = this.#ports.store.range(TABLE, {})
    return new Map([...all].map(({ key, value }) => [key, decode(value)?.until ?? wallMs(0)]))
  }

  async #keep(domain: string, kept: Kept): Promise<void> {
    const { store } = this.#ports
    const changes: StoreChange[] = [{ table: TABLE, key: domain, value: encode(kept) }]
    const ends = this.#ends ?? this.#readEnds()
    this.#ends = ends
    ends.set(domain, kept.until)
    if (ends.size > STS_POLICIES_MAX) {
      const first = firstOf(ends, domain)
      ends.delete(first)
      changes.push({ table: TABLE, key: first, value: undefined })
    }
    await store.commit(changes)
  }
}

/** The one that would end first, but for the one that has just come. */
function firstOf(ends: ReadonlyMap<string, WallMs>, newcomer: string): string {
  let first = newcomer
  let until = Number.POSITIVE_INFINITY
  for (const [domain, end] of ends) {
    if (end >= until || domain === newcomer) continue
    first = domain
    until = end
  }
  return first
}

/** The id in the one record among `records` that is of this kind; undefined where there are none or several. */
export function parseStsRecord(records: readonly string[]): string | undefined {
  const [record, another] = records.filter((text) => /^v=STSv1 *;/.test(text))
  if (record === undefined || another !== undefined) return undefined
  return /; *id *= *([A-Za-z0-9]{1,32}) *(?:;|$)/.exec(record)?.[1]
}

/** Undefined where it is none. Keys that are not known are for others. */
export function parseStsPolicy(text: string): StsPolicy | undefined {
  const mx: string[] = []
  const fields = new Map<string, string>()
  for (const line of text.split(/\r?\n/)) {
    const match = /^ *([A-Za-z0-9][A-Za-z0-9_.-]{0,31}) *: *(.*?) *$/.exec(line)
    const [, key = '', value = ''] = match ?? []
    if (key === 'mx') mx.push(value.toLowerCase())
    // Of those that are given twice the first counts.
    else if (!fields.has(key)) fields.set(key, value)
  }
  const mode = MODES.find((known) => known === fields.get('mode'))
  const age = /^\d{1,10}$/.exec(fields.get('max_age') ?? '')?.[0]
  const isSound = mx.every((pattern) => MX_PATTERN.test(pattern))
  if (fields.get('version') !== 'STSv1' || mode === undefined || age === undefined) return undefined
  if (!isSound || (mx.length === 0 && mode !== 'none')) return undefined
  return { mode, mx, maxAgeSec: Math.min(Number(age), STS_AGE_MAX_SEC) }
}

/** Whether a server of this name may have the mail. A `*` stands for one whole label. */
export function stsAllows({ mx }: StsPolicy, name: string): boolean {
  const lower = name.toLowerCase().replace(/\.$/, '')
  const parent = lower.slice(lower.indexOf('.'))
  return mx.some((pattern) => pattern === lower || pattern === `*${parent}`)
}

const MODES = ['enforce', 'testing', 'none'] as const
const MX_PATTERN = /^(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/

/** The time that it ends, its id, and its text. */
function encode({ id, policy, until }: Kept): Uint8Array {
  const mx = policy.mx.map((pattern) => `mx: ${pattern}\n`).join('')
  const text = `version: STSv1\nmode: ${policy.mode}\n${mx}max_age: ${policy.maxAgeSec}\n`
  return fromUtf8(`${until} ${id}\n${text}`)
}

function decode(value: Uint8Array): Kept | undefined {
  const [, until, id = '', text = ''] = /^(\d+) (\w+)\n(.*)$/s.exec(toUtf8(value)) ?? []
  const policy = parseStsPolicy(text)
  return policy && { id, policy, until: wallMs(Number(until)) }
}
