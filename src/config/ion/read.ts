/** Files as ION runs them: in its start order, with what they pull in, every line read. */

import type { Rule } from './grammar.ts'
import { NESTING_MAX, RUN_WORDS_MAX } from './limits.ts'
import { type ParsedLine, parseLine, show } from './parse-line.ts'
import type { Notice, Problem } from './problem.ts'
import { type IonCommand, isProgramName, type ProgramName, START_ORDER } from './programs.ts'
import { type IonSource, splitSource, type Unit } from './sections.ts'
import { type Line, readLines, tokenize } from './text.ts'

/**
 * Reads the file that `from` calls `name`; a relative name is one in the folder of `from`. `file` is
 * what messages call it: the same for every way to name it.
 */
export type ReadFile = (name: string, from: string) => IonSource | UnreadFile

export interface UnreadFile {
  readonly file: string
  readonly reason: string
}

export interface ReadLine extends Line {
  readonly parsed: ParsedLine
}

export interface ReadUnit {
  readonly file: string
  readonly program: ProgramName
  readonly lines: readonly ReadLine[]
}

/** One command in its turn. */
export interface Step {
  readonly file: string
  readonly line: number
  readonly read: IonCommand
  readonly rule: Rule
  readonly column: number
  readonly columns: Readonly<Record<string, number>>
}

export interface ReadText {
  /** Each before those that it pulls in. */
  readonly units: readonly ReadUnit[]
  readonly steps: readonly Step[]
  readonly problems: readonly Problem[]
  /** What is read otherwise than ION reads it, or changes nothing. */
  readonly notices: readonly Notice[]
}

export function readText(
  sources: readonly IonSource[],
  options: { readonly readFile: ReadFile; readonly tag?: string },
): ReadText {
  const reader = new Reader(options.readFile)
  const units = sources.flatMap((source) => {
    const split = splitSource(source, options.tag)
    reader.problems.push(...split.problems)
    reader.notices.push(...split.notices)
    return split.units
  })
  const inOrder = [...units].sort((a, b) => rankOf(a.program) - rankOf(b.program))
  for (const unit of inOrder) reader.runOnce(unit)
  return reader
}

/** What settings say matters to the program that pulls them in, so they have no turn of their own. */
function rankOf(program: ProgramName): number {
  const rank = (START_ORDER as readonly string[]).indexOf(program)
  return rank < 0 ? START_ORDER.length : rank
}

class Reader implements ReadText {
  readonly units: ReadUnit[] = []
  readonly steps: Step[] = []
  readonly problems: Problem[] = []
  readonly notices: Notice[] = []
  readonly #readFile: ReadFile
  /** Files that something has pulled in: they have had their turn. */
  readonly #pulled = new Set<string>()

  constructor(readFile: ReadFile) {
    this.#readFile = readFile
  }

  runOnce(unit: Unit): void {
    if (!this.#pulled.has(unit.file)) this.#run(unit, [unit.file])
  }

  #run(unit: Unit, chain: readonly string[]): void {
    const { file, program } = unit
    const lines: ReadLine[] = []
    this.units.push({ file, program, lines })
    let hasQuit = false
    for (const line of unit.lines) {
      const parsed: ParsedLine = hasQuit ? { kind: 'comment' } : parseLine(program, line.text)
      lines.push({ ...line, parsed })
      if (parsed.kind === 'refused') {
        this.problems.push(...parsed.problems.map((p) => ({ ...p, file, line: line.number })))
      }
      if (parsed.kind !== 'command') continue
      this.notices.push(
        ...parsed.notes.map(({ column, message }) => ({
          file,
          line: line.number,
          column,
          message,
        })),
      )
      const { read, rule, column, columns } = parsed
      const step: Step = { file, line: line.number, read, rule, column, columns }
      this.steps.push(step)
      if (read.command.command === 'q') hasQuit = true
      this.#pullIn(step, chain)
    }
  }

  #pullIn(step: Step, chain: readonly string[]): void {
    const { program, command } = step.read
    if (program === 'ionadmin' && command.command === '1' && command.configFile) {
      if (command.configFile === '.') {
        this.#notice(
          step,
          'the settings in HOSTNAME.ionconfig are not read: lightlag has no use for them',
        )
      } else {
        this.#pull(step, 'configFile', 'ionconfig', command.configFile, chain)
      }
    }
    if ((program === 'ionadmin' || program === 'bpadmin') && command.command === 'r') {
      this.#runCommand(step, command.line, chain)
    }
  }

  #runCommand(step: Step, line: string, chain: readonly string[]): void {
    const words = tokenize(line).map(({ text }) => text)
    const [name = '', file, ...rest] = words
    if (words.length === 0 || words.length > RUN_WORDS_MAX) {
      const message = `a command of ${words.length} words: 1 to ${RUN_WORDS_MAX} would be right`
      this.#problem(step, 'line', 'ion/bad-value', message)
    } else if (!isProgramName(name) || name === 'ionconfig') {
      this.#notice(step, `the command ${show(line)} is not run: start it beside the node`)
    } else if (file === undefined || file === '.' || file === '!' || rest.length > 0) {
      const message = `the command ${show(line)} is not run: only one with the name of a file is`
      this.#notice(step, message)
    } else {
      this.#pull(step, 'line', name, file, chain)
    }
  }

  #pull(
    step: Step,
    param: string,
    program: ProgramName,
    name: string,
    chain: readonly string[],
  ): void {
    const source = this.#readFile(name, step.file)
    if ('reason' in source) {
      const message = `${show(name)} cannot be read (${source.reason}): a file in the folder of ${step.file} would be right`
      this.#problem(step, param, 'ion/unreadable', message)
      return
    }
    if (chain.includes(source.file) || chain.length >= NESTING_MAX) {
      const message = `${show(name)} is being read already: a file that does not lead back to itself would be right`
      this.#problem(step, param, 'ion/contradiction', message)
      return
    }
    if (program === 'ionconfig' && this.#pulled.has(source.file)) return
    this.#pulled.add(source.file)
    const lines = readLines(source.text)
    this.#run({ file: source.file, program, lines }, [...chain, source.file])
  }

  #problem(step: Step, param: string, code: Problem['code'], message: string): void {
    const column = step.columns[param] ?? step.column
    this.problems.push({ code, file: step.file, line: step.line, column, message })
  }

  #notice({ file, line, column }: Step, message: string): void {
    this.notices.push({ file, line, column, message })
  }
}
