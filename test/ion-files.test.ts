/** ION's files as commands and samples have them: read from the disk, told, written, read again. */

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { Failure } from '../src/cmd/failure.ts'
import { rcCheck, rcReference, rcWrite, readRc } from '../src/cmd/rc.ts'
import { interpretLine } from '../src/config/ion/interpret.ts'
import { formatNotice } from '../src/config/ion/problem.ts'
import { contactsBetween, gateAt, oneWayDelayMs } from '../src/dtn/contact-plan.ts'
import { ipnEndpoint } from '../src/proto/bpv7/endpoint-id.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ion-files-'))
})
afterAll(() => rmSync(folder, { recursive: true }))
afterEach(() => {
  vi.restoreAllMocks()
})

function printed(): () => string {
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
  return () => write.mock.calls.map(([text]) => String(text)).join('')
}

const EXAMPLES = 'examples/ion'

test.each([
  { own: 2n, other: 3n, at: '172.21.0.3:2113', to: '172.22.0.3:3113' },
  { own: 3n, other: 2n, at: '172.22.0.3:3113', to: '172.21.0.3:2113' },
])('the UDP bench for node $own is read', ({ own, other, at, to }) => {
  const bench = join(EXAMPLES, `${own}.bench.udp`)
  const files = readdirSync(bench).map((file) => join(bench, file))
  const { node, problems, units } = readRc([...files, join(EXAMPLES, 'global.ionrc')])
  expect(problems.map(formatNotice)).toEqual([])
  expect(units).toHaveLength(6)
  expect(node).toMatchObject({
    node: own,
    endpoints: [0n, 1n, 2n, 64n, 65n].map((service) => ({
      endpoint: ipnEndpoint(own, service),
      rule: 'x',
    })),
    inducts: [{ protocol: 'udp', duct: at, daemon: 'udpcli' }],
    outducts: [{ protocol: 'udp', duct: to, daemon: 'udpclo 1' }],
    plans: [{ endpoint: ipnEndpoint(other, 0n), ducts: [{ protocol: 'udp', duct: to }] }],
  })
  const plan = node?.contactPlan
  const first = plan?.contacts[0]
  if (plan === undefined || first === undefined) throw new Error('no contacts')
  for (const pair of [
    { source: 2n, destination: 3n },
    { source: 3n, destination: 2n },
  ]) {
    expect(oneWayDelayMs(plan.ranges, pair, first.from)).toBe(1000)
    expect(gateAt(contactsBetween(plan, pair), first.from)).toEqual({
      state: 'open',
      rateBytesPerSec: 100_000,
      until: first.from + 600_000,
    })
  }
})

test('every line of the samples is one that the programs take at run time', () => {
  const lines = readFileSync(join(EXAMPLES, '2.bench.udp/bench.bprc'), 'utf8').split('\n')
  const types = lines.map(
    (text, index) => interpretLine('bpadmin', text, { file: 'x', line: index + 1 }).type,
  )
  expect(new Set(types)).toEqual(new Set(['command', 'nothing']))
})

test('rc check tells the lines, and a file with mistakes ends with status 2 and all of them', () => {
  const file = join(folder, 'bad.bprc')
  writeFileSync(file, '1\nfoo\na plan ipn:3.1\n')
  const output = printed()
  const check = (): void => rcCheck([file])
  expect(check).toThrow(Failure)
  expect(check).toThrow(
    expect.objectContaining({
      status: 2,
      message: expect.stringMatching(/^.*bad\.bprc:2:1: .*\n.*bad\.bprc:3:8: .*$/),
    }),
  )
  expect(output()).toContain('    1  1\n       create the bundle node\n')
})

test('rc check of files without any command says so, with status 2', () => {
  const file = join(folder, 'empty.bprc')
  for (const text of ['', '\n', '# later\n']) {
    writeFileSync(file, text)
    const output = printed()
    expect(() => rcCheck([file])).toThrow(
      expect.objectContaining({
        status: 2,
        message: `${file}: no command in it: a line such as "1" would be right`,
      }),
    )
    expect(output()).toContain('empty.bprc')
  }
})

test('rc check of a file that is not there ends with status 2', () => {
  expect(() => rcCheck([join(folder, 'none.bprc')])).toThrow(expect.objectContaining({ status: 2 }))
})

test('rc write makes files for the neighbours, once', () => {
  const output = printed()
  const made = join(folder, 'peer')
  rcWrite('etc/mail-1.yaml', made)
  const files = readdirSync(made).map((file) => join(made, file))
  expect(output().trim().split('\n').sort()).toEqual([...files].sort())
  const { node, problems } = readRc(files)
  expect(problems.map(formatNotice)).toEqual([])
  expect(node).toMatchObject({ node: 3n, plans: [{ endpoint: ipnEndpoint(2n, 0n) }] })
  expect(() => rcWrite('etc/mail-1.yaml', made)).toThrow(expect.objectContaining({ status: 1 }))
})

test('rc reference prints every program', () => {
  const output = printed()
  rcReference()
  expect(output().match(/^## \w+/gm)).toHaveLength(7)
})
