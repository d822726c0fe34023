import { expect, test } from 'vitest'
import { interpretLine } from './interpret.ts'

const at = (line: number) => ({ file: 'x.bprc', line })

test('a line is a command, or nothing', () => {
  expect(interpretLine('bpadmin', 'i plan ipn:3.0', at(1))).toMatchObject({
    type: 'command',
    step: {
      file: 'x.bprc',
      line: 1,
      columns: { endpoint: 8 },
      read: {
        program: 'bpadmin',
        command: {
          command: 'i plan',
          endpoint: { scheme: 'ipn', node: 3n, service: 0n, elements: 2 },
        },
      },
    },
    notes: [],
  })
  expect(interpretLine('bpadmin', '', at(2))).toEqual({ type: 'nothing' })
  expect(interpretLine('bpadmin', '# 1', at(3))).toEqual({ type: 'nothing' })
})

test.each([
  ['bpadmin', 'z', "Invalid command.  Enter '?' for help."],
  ['bpadmin', 'a', 'Add what?'],
  ['bpadmin', 'c', 'Change what?'],
  ['bpadmin', 'd', 'Delete what?'],
  ['bpadmin', 'i', 'Information on what?'],
  ['bpadmin', 'l', 'List what?'],
  ['bpadmin', 'm', 'Manage what?'],
  ['bpadmin', 'b', 'Block what?'],
  ['bpadmin', 'u', 'Unblock what?'],
  ['ionadmin', 'b', 'Brief what?'],
  ['bpadmin', 'r', 'Run what?'],
  ['ionadmin', 'e', 'Echo on or off?'],
  ['ionadmin', 'l 1 2 3 4 5 6 7 8 9', 'Too many tokens.'],
  ['ipnadmin', 'a plan', 'Syntax error at line 7 of ipnadmin'],
  ['ipnadmin', 'a plane 3 udp/x', 'Syntax error at line 7 of ipnadmin'],
] as const)('%s answers %j in the words of ION: %s', (program, line, reply) => {
  const interpreted = interpretLine(program, line, at(7))
  expect(interpreted).toEqual({
    type: 'refused',
    lines: [reply, expect.stringMatching(/^x\.bprc:7:\d+: .* would be right$/)],
  })
})
