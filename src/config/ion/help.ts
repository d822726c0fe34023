/** What `?` prints, in ION's form, and a reference of all programs. */

import { type LetterGroup, type Program, paramsOf, type Rule, splitName } from './grammar.ts'
import { syntaxOf } from './parse-line.ts'
import { PROGRAMS, type ProgramName } from './programs.ts'

/** Lines without their ends. */
export function helpOf(name: ProgramName): readonly string[] {
  const program = PROGRAMS[name]
  return [
    ...(program.introduction ?? []),
    'Valid commands are:',
    ...program.groups.flatMap((group) => helpOfGroup(program, group)),
    '\t#\tComment',
    '\t   # <comment text>',
  ]
}

function helpOfGroup({ rules }: Program, { letters, titles }: LetterGroup): readonly string[] {
  const heads = letters.map((letter, index) => `\t${letter}\t${titles[index] ?? ''}`)
  const names = Object.keys(rules).filter((name) => letters.includes(splitName(name).verb))
  const syntaxes: string[] = []
  for (const name of names) {
    const rule = rules[name]
    if (rule === undefined || (names.length === 1 && isBare(name, rule))) continue
    const { verb, noun } = splitName(name)
    const sharing = letters.filter((letter) => sharesSyntax(rules, letter, noun, rule))
    if (sharing[0] !== verb) continue
    const joined = sharing.length > 1 ? `{${sharing.join('|')}}` : verb
    const syntax = syntaxOf(noun === '' ? joined : `${joined} ${noun}`, rule)
    syntaxes.push(`\t   ${syntax}`, ...(rule.notes ?? []).map((note) => `\t\t${note}`))
  }
  return [...heads, ...syntaxes]
}

/** `q` needs no line that says `q` again. */
function isBare(name: string, rule: Rule): boolean {
  return paramsOf(rule).length === 0 && 'qh?v'.includes(name)
}

function sharesSyntax(
  rules: Readonly<Record<string, Rule>>,
  letter: string,
  noun: string,
  rule: Rule,
): boolean {
  const name = noun === '' ? letter : `${letter} ${noun}`
  const other = Object.hasOwn(rules, name) ? rules[name] : undefined
  return other !== undefined && syntaxOf('', other) === syntaxOf('', rule)
}

/** All programs and their commands, as Markdown. */
export function ionReference(): string {
  return `# ION's files, as they are read here\n\n${Object.values(PROGRAMS).map(referenceOf).join('\n')}`
}

function referenceOf(program: Program): string {
  const { name, extension, purpose, rules } = program
  const rows = Object.entries(rules).map(([command, rule]) => {
    const arguments_ = paramsOf(rule).map(
      ([, { placeholder, expected }]) => `\`${placeholder}\`: ${expected}`,
    )
    const effect =
      rule.withoutEffect === undefined ? '' : ` Changes nothing here: ${rule.withoutEffect}.`
    const cells = [
      `\`${syntaxOf(command, rule)}\``,
      `${rule.summary}.${effect}`,
      arguments_.join('; '),
    ]
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  })
  const heading = `## ${name} (.${extension}): ${purpose}`
  return `${heading}\n\n| command | what it does | arguments |\n| --- | --- | --- |\n${rows.join('\n')}\n`
}
