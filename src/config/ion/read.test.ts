import { expect, test } from 'vitest'
import { NESTING_MAX } from './limits.ts'
import { formatNotice } from './problem.ts'
import { type ReadText, readText } from './read.ts'

/** Reads the files called `given`; the others are there to be pulled in. */
function read(
  files: Readonly<Record<string, string>>,
  given: readonly string[] = Object.keys(files),
  tag?: string,
): ReadText {
  return readText(
    given.map((file) => ({ file, text: files[file] ?? '' })),
    {
      readFile: (name) => {
        const text = files[name]
        return text === undefined ? { file: name, reason: 'not there' } : { file: name, text }
      },
      ...(tag !== undefined && { tag }),
    },
  )
}

function commandsOf(text: ReadText): readonly string[] {
  return text.steps.map(({ file, line, read: { command } }) => `${file}:${line} ${command.command}`)
}

test('files are run in the order in which ION starts a node, whatever order they are given in', () => {
  const text = read({
    'a.ipnrc': 'l plan',
    'a.dtpcrc': '1',
    'a.bprc': '1',
    'a.ltprc': '1 1',
    'a.ionsecrc': '1',
    'a.ionrc': 's',
    'b.ionrc': 's',
  })
  expect(text.units.map(({ file }) => file)).toEqual([
    'a.ionrc',
    'b.ionrc',
    'a.ionsecrc',
    'a.ltprc',
    'a.bprc',
    'a.ipnrc',
    'a.dtpcrc',
  ])
})

test('what a file runs is read where it is run, and once', () => {
  const text = read({
    'a.bprc': "1\nr 'ipnadmin a.ipnrc'\ns",
    'a.ipnrc': 'l plan',
    'a.ionrc': '1 2 a.ionconfig\ns',
    'a.ionconfig': 'wmSize 1',
  })
  expect(commandsOf(text)).toEqual([
    'a.ionrc:1 1',
    'a.ionconfig:1 wmSize',
    'a.ionrc:2 s',
    'a.bprc:1 1',
    'a.bprc:2 r',
    'a.ipnrc:1 l plan',
    'a.bprc:3 s',
  ])
  expect(text.problems).toEqual([])
})

test('a file that cannot be read is told at its name', () => {
  const text = read({ 'a.ionrc': '1 2 none.ionconfig', 'a.bprc': "1\nr 'ipnadmin none'" })
  expect(text.problems.map(formatNotice)).toEqual([
    'a.ionrc:1:5: "none.ionconfig" cannot be read (not there): a file in the folder of a.ionrc would be right',
    'a.bprc:2:3: "none" cannot be read (not there): a file in the folder of a.bprc would be right',
  ])
})

test('a file that leads back to itself is told, and so is a chain that is too long', () => {
  const loop = read({ 'a.bprc': "r 'bpadmin b'", b: "r 'bpadmin a.bprc'" }, ['a.bprc'])
  expect(loop.problems).toMatchObject([{ file: 'b', line: 1, column: 3 }])
  const chain = Array.from({ length: NESTING_MAX + 2 }, (_, i) => [
    `${i}.bprc`,
    `r 'bpadmin ${i + 1}.bprc'`,
  ])
  const long = read(Object.fromEntries(chain), ['0.bprc'])
  expect(long.problems).toMatchObject([{ file: `${NESTING_MAX - 1}.bprc` }])
})

test('commands that are no admin program are not run, and told', () => {
  const text = read({ 'a.bprc': "r 'bpsink ipn:2.1'\nr 'ipnadmin .'\nr 'ionconfig x'" })
  expect(text.notices.map(({ line }) => line)).toEqual([1, 2, 3])
  expect(text.problems).toEqual([])
})

test('a command has 1 to 11 words', () => {
  expect(read({ 'a.bprc': `r 'bpsink ${'x '.repeat(10)}'` }).problems).toEqual([])
  expect(read({ 'a.bprc': `r 'bpsink ${'x '.repeat(11)}'` }).problems).toHaveLength(1)
  expect(read({ 'a.bprc': "r ''" }).problems).toHaveLength(1)
})

test('nothing is read after q', () => {
  expect(commandsOf(read({ 'a.bprc': '1\nq\nfoo' }))).toEqual(['a.bprc:1 1', 'a.bprc:2 q'])
})

test('a file whose name tells no program is told', () => {
  expect(read({ ionstart: '#!/bin/bash' }).problems.map(formatNotice)).toEqual([
    expect.stringMatching(/^ionstart:1:1: a file that tells no program by its name: .*\.bprc/),
  ])
})

const COMBINED = `# a node
## begin bpadmin
1
## end bpadmin
## begin ionadmin
1 2 ''
s
## end ionadmin
`

test('the sections of a combined file keep the numbers of their lines and get the order of ION', () => {
  const text = read({ 'host.rc': COMBINED })
  expect(commandsOf(text)).toEqual(['host.rc:6 1', 'host.rc:7 s', 'host.rc:3 1'])
  expect(text.problems).toEqual([])
})

test('sections are chosen by their tag', () => {
  const rc = '## begin bpadmin a\n1\n## end bpadmin a\n## begin bpadmin b\ns\n## end bpadmin b\n'
  expect(commandsOf(read({ 'x.rc': rc }, ['x.rc'], 'b'))).toEqual(['x.rc:5 s'])
  expect(commandsOf(read({ 'x.rc': rc }))).toEqual([])
})

test.each([
  [
    '## begin bpadmin\n1',
    '1:1: a section without an end: "## end bpadmin" after it would be right',
  ],
  [
    '## begin bpadmin\n## begin ipnadmin\n## end ipnadmin',
    '2:1: a section within that of bpadmin: "## end bpadmin" before it would be right',
  ],
  [
    '## begin bpadmin\n## end ipnadmin\n',
    '2:1: the end of a section "ipnadmin" that has not begun: "## end bpadmin" would be right',
  ],
  [
    '## end bpadmin\n',
    '1:1: the end of a section "bpadmin" that has not begun: "## begin" before it would be right',
  ],
  [
    '## begin bpadmin\n## end bpadmin\n## begin bpadmin\n## end bpadmin',
    '3:1: a second section for bpadmin: one would be right',
  ],
  [
    '## begin ipnadmin\n## end ipnadmin\n## begin bssadmin\n## end bssadmin',
    '3:1: a section for bssadmin beside one for ipnadmin: one of the two would be right',
  ],
  [
    '## begin bpadmn\n## end bpadmn',
    '1:10: a section for "bpadmn", which ION does not know: one of ionadmin, ',
  ],
  [
    '## begin bpadmin\n##begin ipnadmin\n## end bpadmin',
    '2:1: a comment to ION: "## begin ipnadmin" at the beginning of the line would be right',
  ],
])('%j: %s', (text, problem) => {
  expect(read({ 'x.rc': text }).problems.map(formatNotice)).toEqual([
    expect.stringContaining(`x.rc:${problem}`),
  ])
})

test('sections that are not for us and lines outside sections are told once', () => {
  const rc = '1\n2\n## begin cfdpadmin\n1\n## end cfdpadmin\n3\n'
  expect(read({ 'x.rc': rc }).notices.map(({ line }) => line)).toEqual([1, 3])
})
