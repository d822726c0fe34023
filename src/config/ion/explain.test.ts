import { expect, test } from 'vitest'
import { wallMs } from '../../base/time.ts'
import { explainIon } from './explain.ts'
import { readIon } from './ion.ts'

test('every line is told with what it does, what is wrong and what it does not change', () => {
  const sources = [
    { file: 'a.ionrc', text: '# node\n\n1 2\nm horizon +0\na contact +9 +5 2 3 1\n' },
    { file: 'b.rc', text: '1\n## begin bpadmin\n1\n## end bpadmin\n' },
  ]
  const reading = readIon(sources, {
    readFile: (file) => ({ file, reason: 'not there' }),
    startedAt: wallMs(0),
  })
  expect(explainIon(reading)).toEqual([
    "a.ionrc: ionadmin, the node's number, its clock and its contact plan",
    '    3  1 2',
    '       create node 2',
    '    4  m horizon +0',
    '       forecast congestion until the reference time',
    '       note: m horizon is read and changes nothing: no congestion is forecast; a full store refuses',
    '    5  a contact +9 +5 2 3 1',
    '       let 2 send to 3 at 1 bytes/s from 9 s after the reference time until 5 s after the reference time',
    '       wrong, column 14: an end at 1970/01/01-00:00:05, not after the beginning at 1970/01/01-00:00:09: a later one would be right',
    '',
    'b.rc: bpadmin, schemes, endpoints, convergence layers, ducts and plans',
    '    3  1',
    '       create the bundle node',
    '',
    'note: b.rc:1:1: a line outside sections: ION does not read it',
    'node 2: 0 endpoints, 0 inducts, 0 outducts, 0 plans, 0 contacts, 0 ranges',
  ])
})
