/** A node in the making, and what is said of the lines that make it. */

import { overlaps, overlapsOrTouches } from '../../base/interval.ts'
import type { WallMs } from '../../base/time.ts'
import type { Contact, Range } from '../../dtn/contact-plan.ts'
import type { IonFaultCode } from './fault.ts'
import type {
  IonClock,
  IonEndpoint,
  IonExit,
  IonInduct,
  IonKey,
  IonNode,
  IonOutduct,
  IonPlan,
  IonProtocol,
  IonScheme,
} from './ion-node.ts'
import type { Problem } from './problem.ts'
import type { DtpcProfile } from './programs/dtpcadmin.ts'
import type { SpanArguments } from './programs/ltpadmin.ts'
import { PROGRAM_NAMES } from './programs.ts'
import type { Step } from './read.ts'
import { Timelines } from './timelines.ts'

/** What a file adds, changes and deletes, by its name. */
export class Items<Item> {
  readonly #items = new Map<string, { item: Item; readonly step: Step }>()
  readonly #draft: Draft
  /** `an outduct`. */
  readonly #what: string

  constructor(draft: Draft, what: string) {
    this.#draft = draft
    this.#what = what
  }

  add(step: Step, name: string, item: Item): void {
    const first = this.#items.get(name)
    if (first === undefined) {
      this.#items.set(name, { item, step })
      return
    }
    const { file, line } = first.step
    const message = `${this.#what} ${name} is there already, from ${file}:${line}: once would be right`
    this.#draft.problem(step, undefined, 'ion/duplicate', message)
  }

  /** Tells where it is not there; `param` is what names it. */
  change(step: Step, param: string, name: string, change: (item: Item) => Item): void {
    const found = this.#items.get(name)
    if (found !== undefined) found.item = change(found.item)
    else this.missing(step, param, name)
  }

  delete(step: Step, param: string, name: string): void {
    if (!this.#items.delete(name)) this.missing(step, param, name)
  }

  missing(step: Step, param: string, name: string): void {
    const known = [...this.#items.keys()].join(', ')
    const right = known === '' ? `one added before` : `one of ${known}`
    const message = `there is no ${this.#what.replace(/^an? /, '')} ${name}: ${right} would be right`
    const reply = `Unknown ${this.#what.split(' ')[1]}.`
    this.#draft.problem(step, param, 'ion/contradiction', message, reply)
  }

  get(name: string): Item | undefined {
    return this.#items.get(name)?.item
  }

  has(name: string): boolean {
    return this.#items.has(name)
  }

  values(): readonly Item[] {
    return [...this.#items.values()].map(({ item }) => item)
  }

  /** Takes over what `other` has. */
  copy(other: Items<Item>): void {
    for (const [name, { item, step }] of other.#items) this.#items.set(name, { item, step })
  }
}

export class Draft {
  readonly problems: Problem[] = []
  /** Programs that have a file among those read: only then is what it lacks missing. */
  readonly programs: ReadonlySet<string>
  node: bigint | undefined
  clock: IonClock = { errorSec: 1, isSynchronized: true, utcDeltaSec: 0 }
  readonly contacts: Timelines<Contact> = new Timelines<Contact>(overlapsOrTouches)
  readonly ranges: Timelines<Range> = new Timelines<Range>(overlaps)
  sessions: number | undefined
  readonly keys: Items<IonKey> = new Items<IonKey>(this, 'a key')
  readonly spans: Items<SpanArguments> = new Items<SpanArguments>(this, 'a span')
  readonly seats: Items<string> = new Items<string>(this, 'a seat')
  readonly schemes: Items<IonScheme> = new Items<IonScheme>(this, 'a scheme')
  readonly endpoints: Items<IonEndpoint> = new Items<IonEndpoint>(this, 'an endpoint')
  readonly protocols: Items<IonProtocol> = new Items<IonProtocol>(this, 'a protocol')
  readonly inducts: Items<IonInduct> = new Items<IonInduct>(this, 'an induct')
  readonly outducts: Items<IonOutduct> = new Items<IonOutduct>(this, 'an outduct')
  readonly plans: Items<IonPlan> = new Items<IonPlan>(this, 'a plan for')
  readonly exits: Items<IonExit> = new Items<IonExit>(this, 'an exit for')
  readonly profiles: Items<DtpcProfile> = new Items<DtpcProfile>(this, 'a profile')

  constructor(programs: ReadonlySet<string>) {
    this.programs = programs
  }

  /**
   * The same, for lines that may turn out to be wrong, and with a file of every program. What is over
   * at `at` is left out, as ION forgets it.
   */
  trial(at: WallMs): Draft {
    const draft = new Draft(new Set(PROGRAM_NAMES))
    draft.node = this.node
    draft.clock = this.clock
    draft.sessions = this.sessions
    draft.contacts.copy(this.contacts, at)
    draft.ranges.copy(this.ranges, at)
    draft.keys.copy(this.keys)
    draft.spans.copy(this.spans)
    draft.seats.copy(this.seats)
    draft.schemes.copy(this.schemes)
    draft.endpoints.copy(this.endpoints)
    draft.protocols.copy(this.protocols)
    draft.inducts.copy(this.inducts)
    draft.outducts.copy(this.outducts)
    draft.plans.copy(this.plans)
    draft.exits.copy(this.exits)
    draft.profiles.copy(this.profiles)
    return draft
  }

  /** `param` is the argument that is wrong; undefined for the line as a whole. */
  problem(
    step: Step,
    param: string | undefined,
    code: IonFaultCode,
    message: string,
    reply?: string,
  ): void {
    const { file, line } = step
    const column = (param === undefined ? undefined : step.columns[param]) ?? step.column
    this.problems.push({ code, file, line, column, message, ...(reply && { reply }) })
  }

  /** Undefined where no line says which node it is. */
  finish(): IonNode | undefined {
    if (this.node === undefined) return undefined
    return {
      node: this.node,
      clock: this.clock,
      contactPlan: { contacts: this.contacts.values(), ranges: this.ranges.values() },
      keys: this.keys.values(),
      ltp: {
        sessions: this.sessions,
        spans: this.spans.values(),
        seats: this.seats.values(),
      },
      schemes: this.schemes.values(),
      endpoints: this.endpoints.values(),
      protocols: this.protocols.values(),
      inducts: this.inducts.values(),
      outducts: this.outducts.values(),
      plans: [...this.plans.values()].sort((a, b) => (comesBefore(a, b) ? -1 : 1)),
      exits: this.exits.values(),
      profiles: this.profiles.values(),
    }
  }
}

function comesBefore({ endpoint: a }: IonPlan, { endpoint: b }: IonPlan): boolean {
  if (a.scheme === 'dtn') return b.scheme === 'dtn' && a.ssp < b.ssp
  return b.scheme === 'dtn' || a.node < b.node
}
