/**
 * What mail may use of a next hop in a period, for all and for each account. What was used is durable,
 * and a mail is charged once for a next hop, however often it is tried.
 */

import { fromUtf8, NO_BYTES, toHex, toUtf8 } from '../base/bytes.ts'
import { formatTimestamp } from '../base/calendar.ts'
import { Fault } from '../base/fault.ts'
import { formatDuration, formatSize } from '../base/quantity.ts'
import { sha256 } from '../base/sha256.ts'
import { type WallMs, wallMs } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import { type Store, type StoreChange, withPrefix } from '../ports/store.ts'
import type { BridgeFaultCode } from './fault.ts'
import type { ByteBudget, LinkOptions } from './link-options.ts'

/** `u/NEXT-HOP ACCOUNT` (or no account): what was used; `m/QUEUE-ID NEXT-HOP`: this mail has been charged. */
const TABLE = 'bridge-budgets'

export interface BudgetedMail {
  readonly queueId: string
  readonly route: string
  /** Undefined where it is nobody's of this host. */
  readonly account: string | undefined
  /** As it crosses, before it is compressed. */
  readonly bytes: number
}

export interface BudgetUse extends ByteBudget {
  readonly usedBytes: number
  /** When there is all of it again. */
  readonly until: WallMs
}

interface Used {
  readonly since: number
  bytes: number
}

type Budgeted = Pick<LinkOptions, 'route' | 'budget' | 'userBudget'>

export class Budgets {
  readonly #store: Store
  readonly #clock: Clock
  /** Of those that were asked about: there are as many as next hops and accounts. */
  readonly #used = new Map<string, Used>()
  /** Whether there is anything to forget of a mail. */
  #hasCharged: boolean

  constructor(store: Store, clock: Clock) {
    this.#store = store
    this.#clock = clock
    const [first] = store.keys(TABLE, withPrefix('m/'))
    this.#hasCharged = first !== undefined
  }

  /**
   * Resolves once it is durable that the mail may cross. Rejects with `bridge/over-budget`, temporary,
   * where a budget lacks room in this period, and with `bridge/too-large` where it never has.
   */
  async charge(link: Budgeted, mail: BudgetedMail): Promise<void> {
    const marker = `m/${mail.queueId} ${mail.route}`
    const budgets = budgetsFor(link, mail)
    if (budgets.length === 0 || this.#store.get(TABLE, marker) !== undefined) return
    for (const one of budgets) this.#require(one, mail.bytes)
    const changes: StoreChange[] = [{ table: TABLE, key: marker, value: NO_BYTES }]
    const charged: Used[] = []
    for (const { key, budget } of budgets) {
      const used = this.#usedOf(key, budget)
      used.bytes += mail.bytes
      charged.push(used)
      changes.push({ table: TABLE, key, value: fromUtf8(JSON.stringify(used)) })
    }
    this.#hasCharged = true
    try {
      await this.#store.commit(changes)
    } catch (error) {
      for (const used of charged) used.bytes -= mail.bytes
      throw error
    }
  }

  /** The changes that forget a mail, for the commit that removes it from the queue. What it used stays used. */
  removal(queueId: string): readonly StoreChange[] {
    if (!this.#hasCharged) return []
    return [...this.#store.keys(TABLE, withPrefix(`m/${queueId} `))].map((key) => ({
      table: TABLE,
      key,
      value: undefined,
    }))
  }

  /** Of the next hop as a whole; undefined where it has none. */
  useOf({ route, budget }: Budgeted): BudgetUse | undefined {
    if (budget === undefined) return undefined
    const { since, bytes } = this.#usedOf(`u/${route} `, budget)
    return { ...budget, usedBytes: bytes, until: wallMs(since + budget.periodMs) }
  }

  #require({ key, budget, whose }: Applied, bytes: number): void {
    const { bytes: usedBytes, since } = this.#usedOf(key, budget)
    const size = formatSize(bytes)
    const said = `${formatSize(budget.bytes)} in ${formatDuration(budget.periodMs)} ${whose}`
    if (bytes > budget.bytes) {
      throw tooLarge(`a mail of ${size} is more than the budget of ${said}`)
    }
    if (usedBytes + bytes <= budget.bytes) return
    const until = formatTimestamp(wallMs(since + budget.periodMs)).replace('.000Z', 'Z')
    const left = formatSize(Math.max(0, budget.bytes - usedBytes))
    const message = `a mail of ${size} waits for the budget of ${said}: ${left} left until ${until}`
    throw new Fault<BridgeFaultCode>('bridge/over-budget', message, { temporary: true })
  }

  /** Of this period. */
  #usedOf(key: string, { periodMs }: ByteBudget): Used {
    const since = Math.floor(this.#clock.wall() / periodMs) * periodMs
    const known = this.#used.get(key) ?? this.#read(key)
    const used = known?.since === since ? known : { since, bytes: 0 }
    this.#used.set(key, used)
    return used
  }

  #read(key: string): Used | undefined {
    const value = this.#store.get(TABLE, key)
    return value === undefined ? undefined : (JSON.parse(toUtf8(value)) as Used)
  }
}

interface Applied {
  readonly key: string
  readonly budget: ByteBudget
  /** `for bp:ipn:3.2525`, as told. */
  readonly whose: string
}

function budgetsFor(
  { budget, userBudget }: Budgeted,
  { route, account }: BudgetedMail,
): readonly Applied[] {
  const all = budget && { key: `u/${route} `, budget, whose: `for ${route}` }
  const own = account !== undefined &&
    userBudget && {
      key: `u/${route} ${keyOf(account)}`,
      budget: userBudget,
      whose: `of ${account} for ${route}`,
    }
  return [...(all ? [all] : []), ...(own ? [own] : [])]
}

/** A shared alias may be written in any letters. */
function keyOf(account: string): string {
  return /^[!-~]{1,200}$/.test(account) ? account : toHex(sha256(fromUtf8(account)))
}

export function tooLarge(message: string): Fault<BridgeFaultCode> {
  return new Fault('bridge/too-large', message, { temporary: false })
}
