/** ION's admin programs at a running node: a line is carried out as the files were, on what they made. */

import { asFault } from '../../base/fault.ts'
import type { WallMs } from '../../base/time.ts'
import type { AdminAnswer, AdminLine } from '../../dtn/control/message.ts'
import type { AdminSession } from '../../dtn/control/service.ts'
import { applyStep, remarkOn } from './apply.ts'
import { type IonadminRun, newRun } from './apply-ionadmin.ts'
import type { Draft } from './draft.ts'
import { splitName } from './grammar.ts'
import { helpOf } from './help.ts'
import { inspect } from './inspect.ts'
import { interpretLine } from './interpret.ts'
import type { IonNode } from './ion-node.ts'
import type { Processes } from './listing.ts'
import { formatNotice } from './problem.ts'
import type { Step } from './read.ts'

export interface IonAdminPorts {
  wall(): WallMs
  /**
   * Makes the running node this one; resolves with what is said in it and not done, a sentence each.
   * Rejects with a Fault, and then nothing has changed.
   */
  apply(node: IonNode): Promise<readonly string[]>
  readonly processes: Processes
  /** What `v` prints. */
  readonly version: string
}

export class IonAdmin {
  readonly #ports: IonAdminPorts
  #draft: Draft
  /** What has been said of the node as it is. */
  #notices: readonly string[]
  /** The last line that was begun: one at a time, whoever it comes from. */
  #busy: Promise<unknown> = Promise.resolve()

  /** `draft` is what the node runs; `notices` are what has been said of it. */
  constructor(draft: Draft, notices: readonly string[], ports: IonAdminPorts) {
    this.#ports = ports
    this.#draft = draft.trial(ports.wall())
    this.#notices = notices
  }

  /** Relative times count from now, until `@` says otherwise. */
  session(): AdminSession {
    const run = newRun(this.#ports.wall())
    return { perform: (line) => this.#inTurn(() => this.#perform(line, run)) }
  }

  #inTurn(work: () => Promise<AdminAnswer>): Promise<AdminAnswer> {
    const done = this.#busy.then(work)
    this.#busy = done.catch(() => {})
    return done
  }

  async #perform(line: AdminLine, run: IonadminRun): Promise<AdminAnswer> {
    const { program, file, number, text } = line
    const interpreted = interpretLine(program, text, { file, line: number })
    if (interpreted.type === 'nothing') return done([])
    if (interpreted.type === 'refused') return refused(interpreted.lines)
    const { step, notes } = interpreted
    const answer = this.#answer(step) ?? (await this.#carryOut(step, run))
    return { ...answer, lines: [...notes, ...answer.lines] }
  }

  /** Of commands that have nothing to do with what the node is. */
  #answer(step: Step): AdminAnswer | undefined {
    const { program, command } = step.read
    switch (command.command) {
      case 'q':
        return { lines: [], outcome: 'quit' }
      case 'h':
      case '?':
        return done(helpOf(program))
      case 'v':
        return done([this.#ports.version])
      case 't': {
        return { lines: [`${STARTED[program] ?? 'BP agent'} is started`], outcome: 'started' }
      }
      // It has been created and runs, or nobody could say so.
      case 's':
        return done([])
      default: {
        const message = impossible(step, this.#draft.node)
        return message === undefined ? undefined : refused([formatNotice({ ...step, message })])
      }
    }
  }

  async #carryOut(step: Step, run: IonadminRun): Promise<AdminAnswer> {
    const draft = this.#draft.trial(this.#ports.wall())
    if (step.read.command.command === '1') return done([])
    const shown = inspect({ draft, step, run, processes: this.#ports.processes })
    if (shown === undefined) applyStep(draft, step, run)
    const problems = draft.problems.flatMap(({ reply, ...problem }) => [
      ...(reply === undefined ? [] : [wordsOf(step, reply)]),
      formatNotice(problem),
    ])
    if (problems.length > 0) return refused(problems)
    if (shown !== undefined) return done(shown)
    try {
      const news = await this.#apply(draft, step)
      const remark = remarkOn(step)
      const messages = [...(remark === undefined ? [] : [remark.message]), ...news]
      return done(messages.map((message) => formatNotice({ ...step, message })))
    } catch (error) {
      return refused([formatNotice({ ...step, message: asFault(error).message })])
    }
  }

  /** Resolves with what is said now of the node and was not before. */
  async #apply(draft: Draft, { read }: Step): Promise<readonly string[]> {
    const before = this.#notices
    const node = CHANGING.includes(read.command.command.charAt(0)) ? draft.finish() : undefined
    if (node !== undefined) this.#notices = await this.#ports.apply(node)
    this.#draft = draft
    return this.#notices.filter((notice) => !before.includes(notice))
  }
}

/** What ION's programs call what they ask for. */
const STARTED: Readonly<Record<string, string>> = {
  ionadmin: 'ION system',
  dtpcadmin: 'DTPC entity',
}

/** The verbs that change what the node does; the others set what is only read. */
const CHANGING = 'acdbug'

/** Why a command cannot be carried out while the node runs; undefined where it can. */
function impossible({ read }: Step, own: bigint | undefined): string | undefined {
  const { program, command } = read
  const { verb, noun } = splitName(command.command)
  if (program === 'ionadmin' && command.command === '1' && command.node !== own) {
    return `the node that runs is ${own}: "1 ${own}", or nothing, would be right`
  }
  if (verb === 'x') {
    const right =
      noun === 'plan'
        ? '"b plan" would be right'
        : 'SIGTERM to the process of the node, as a whole, would be right'
    return `${command.command} does not stop anything: ${right}`
  }
  if ('line' in command) {
    return `${command.command} runs no program here: "lightlag bpadmin FILE", or the program itself, would be right`
  }
  if (program === 'ionadmin' && verb === 'b') {
    return `${command.command} writes no file: "l ${noun}" would be right`
  }
  if (command.command === 'm usage') {
    return 'm usage: there is no shared heap: "lightlag node status" would be right'
  }
  return undefined
}

/** ipnadmin has another word for the same. */
function wordsOf({ read: { program } }: Step, reply: string): string {
  return program === 'ipnadmin' && reply === 'Unknown plan.' ? 'Unknown node.' : reply
}

function done(lines: readonly string[]): AdminAnswer {
  return { lines, outcome: 'done' }
}

function refused(lines: readonly string[]): AdminAnswer {
  return { lines, outcome: 'refused' }
}
