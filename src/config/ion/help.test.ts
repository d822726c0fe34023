import { expect, test } from 'vitest'
import { splitName } from './grammar.ts'
import { helpOf, ionReference } from './help.ts'
import { isProgramName, PROGRAMS } from './programs.ts'

const NAMES = Object.keys(PROGRAMS).filter(isProgramName)

test("bpadmin's help has the form of ION's", () => {
  const help = helpOf('bpadmin')
  expect(help.slice(0, 10)).toEqual([
    'Valid commands are:',
    '\tq\tQuit',
    '\th\tHelp',
    '\t?\tHelp',
    '\tv\tPrint version of ION.',
    '\t1\tInitialize',
    '\t   1',
    '\ta\tAdd',
    "\t   a scheme <scheme name> '<forwarder cmd>' '<admin app cmd>'",
    "\t   a endpoint <endpoint name> {q|x} ['<recv script>']",
  ])
  expect(help).toContain('\t   {d|i} plan <endpoint name>')
  expect(help).toContain('\t   {s|x}')
  expect(help.slice(-2)).toEqual(['\t#\tComment', '\t   # <comment text>'])
})

test("ipnadmin's help says what a duct expression is", () => {
  expect(helpOf('ipnadmin')[0]).toBe("Syntax of 'duct expression' is:")
})

test.each(NAMES)('the help of %s has a line for every command', (name) => {
  const help = helpOf(name).join('\n')
  for (const command of Object.keys(PROGRAMS[name].rules)) {
    const { verb, noun } = splitName(command)
    const found = help
      .split('\n')
      .some((line) => line.startsWith(`\t${verb}\t`) || (noun !== '' && line.includes(` ${noun}`)))
    expect(found ? '' : command).toBe('')
  }
})

test('the reference has a row for every command of every program', () => {
  const rows = ionReference()
    .split('\n')
    .filter((line) => line.startsWith('| `'))
  const rules = NAMES.flatMap((name) => Object.keys(PROGRAMS[name].rules))
  expect(rows).toHaveLength(rules.length)
  for (const row of rows) expect(row.replaceAll('\\|', '').split('|')).toHaveLength(5)
})
