/**
 * The grammar of an admin program as one table: from it come the parser, the explanation of each
 * line, the program's own help, the reference and the writer.
 */

/** A command that has been read: its name, `a contact`, beside its arguments by name. */
export interface Command {
  readonly command: string
}

/** One kind of argument. */
export interface Param<T> {
  /** As the help names it, with its brackets or quotes: `<duct name>`. */
  readonly placeholder: string
  /** What would be right. */
  readonly expected: string
  /** Written in quotes always, as commands are. */
  readonly isCommand?: boolean
  /** Undefined for a word that is none. */
  read(word: string): T | undefined
  write(value: T): string
}

export interface OptionalParam<T> extends Param<T> {
  readonly isOptional: true
}

type ParamOf<C, Name extends keyof C> =
  Record<never, never> extends Pick<C, Name>
    ? OptionalParam<NonNullable<C[Name]>>
    : Param<NonNullable<C[Name]>>

/** In the order of the line. */
export type Params<C extends Command> = {
  readonly [Name in Exclude<keyof C, 'command'>]-?: ParamOf<C, Name>
}

export interface Rule<C extends Command = Command> {
  readonly params: Params<C>
  /** What it does, for the reference: begins with a verb, ends without a full stop. */
  readonly summary: string
  /** What this very line does. */
  explain(command: C): string
  /** Other spellings of the noun. */
  readonly aliases?: readonly string[]
  /** Why the line changes nothing at a node of ours. */
  readonly withoutEffect?: string
  /** More arguments than the rule has: which of them count, as older files are written. */
  oldForm?(words: number): readonly number[] | undefined
  readonly oldFormNote?: string
  /** Further lines of its help. */
  readonly notes?: readonly string[]
}

/** The command of a union that is called `Name`. */
export type CommandOf<C extends Command, Name> = C extends Command
  ? Name extends C['command']
    ? C
    : never
  : never

/** A rule for every command, none forgotten. */
export type Rules<C extends Command> = {
  readonly [Name in C['command']]: Rule<CommandOf<C, Name>>
}

/** Commands that share a letter, as the help groups them. */
export interface LetterGroup {
  readonly letters: readonly string[]
  /** One for each letter. */
  readonly titles: readonly string[]
}

export interface Program {
  /** `bpadmin`. */
  readonly name: string
  /** `bprc`: the ending of its files. */
  readonly extension: string
  readonly purpose: string
  /** Whether a line begins with a letter, and mostly a noun after it, or with a keyword. */
  readonly dispatch: 'letter' | 'keyword'
  /** Beyond it ION drops the line. */
  readonly tokensMax: number
  /** What its help says before the commands. */
  readonly introduction?: readonly string[]
  readonly groups: readonly LetterGroup[]
  /** By name; of a name's first word only the first letter is read. */
  readonly rules: Readonly<Record<string, Rule>>
}

/** One entry per verb for the same noun: `d plan`, `i plan`. */
export function perVerb<const Verb extends string, const Noun extends string, R>(
  verbs: readonly Verb[],
  noun: Noun,
  rule: (verb: Verb) => R,
): { readonly [Name in `${Verb} ${Noun}`]: R } {
  const entries = verbs.map((verb) => [`${verb} ${noun}`, rule(verb)])
  return Object.fromEntries(entries) as { readonly [Name in `${Verb} ${Noun}`]: R }
}

/** The words of a name: `a contact` has a verb and a noun, `s` a verb. */
export function splitName(name: string): { readonly verb: string; readonly noun: string } {
  const [verb = '', noun = ''] = name.split(' ')
  return { verb, noun }
}

export function paramsOf(rule: Rule): readonly (readonly [name: string, param: Param<unknown>])[] {
  return Object.entries(rule.params as Readonly<Record<string, Param<unknown>>>)
}

export function isOptional(param: Param<unknown>): boolean {
  return 'isOptional' in param
}
