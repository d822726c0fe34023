/** What `lightlag serve` says where it cannot start, and its exit status. */

import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { freePort } from '../support/free-port.ts'
import { needsFolderOpenToAll, needsRoot } from '../support/programs.ts'

const folder = mkdtempSync(join(tmpdir(), 'lightlag-'))
const PROGRAM = resolve('dist/cmd/lightlag.js')
/** Who may do nothing here. */
const NOBODY = 65_534

afterAll(() => rmSync(folder, { recursive: true }))

interface Start {
  readonly status: number | null
  readonly last: string | undefined
}

function serve(config: string, as: { readonly uid?: number } = {}): Start {
  const words = [PROGRAM, 'serve', '--config', config]
  const options = { cwd: folder, encoding: 'utf8', timeout: 120_000, ...as } as const
  const { status, stderr } = spawnSync(process.execPath, words, options)
  return { status, last: stderr.trimEnd().split('\n').at(-1) }
}

function written(name: string, text: string): string {
  writeFileSync(join(folder, name), text)
  return name
}

function host(directory: string, more = ''): string {
  return `host: m.a.com\ndirectory: ${directory}\nnode: ipn:2\n${more}`
}

test('files that are no configuration are refused with a place and what would be right', () => {
  const cases: readonly (readonly [file: string, last: unknown])[] = [
    ['nowhere.yaml', 'cannot read nowhere.yaml: no such file or directory'],
    ['.', 'cannot read .: is a directory'],
    [
      written('empty.yaml', ''),
      expect.stringMatching(/^empty\.yaml:1:1: the file is empty: a mapp/),
    ],
    [
      written('tab.yaml', 'host: m.a.com\n\tnode: ipn:2\n'),
      expect.stringMatching(/^tab\.yaml:2:1: not YAML .* Tabs/),
    ],
    [
      written('typo.yaml', host('d', 'smpt: off\n')),
      expect.stringMatching(
        /^typo\.yaml:4:1: unknown key "smpt" \(did you mean smtp\?\): one of host, /,
      ),
    ],
    [
      written('map.yaml', host('d', 'transport: none\n')),
      expect.stringMatching(/^cannot read .*none: no such file or directory$/),
    ],
  ]
  for (const [file, last] of cases)
    expect({ file, ...serve(file) }).toEqual({ file, status: 2, last })
})

test('a file of something else is refused in a few plain lines', () => {
  const program = readFileSync(process.execPath)
  writeFileSync(join(folder, 'binary.yaml'), program.subarray(0, 100_000))
  const words = [PROGRAM, 'serve', '--config', 'binary.yaml']
  const { stderr, status } = spawnSync(process.execPath, words, { cwd: folder, encoding: 'utf8' })
  expect(status).toBe(2)
  expect(stderr.length).toBeLessThan(20_000)
  expect(stderr).toMatch(/^[ -~\n]+$/)
  expect(serve(process.execPath).last).toMatch(/:1:1: \d+ characters: a configuration of at most/)
})

test('what stands in the way on the disk is named', () => {
  written('file', '')
  mkdirSync(join(folder, 'a/store'), { recursive: true })
  writeFileSync(join(folder, 'a/store/data.mdb'), 'x'.repeat(20_000))
  mkdirSync(join(folder, 'b'))
  writeFileSync(join(folder, 'b/store'), '')
  for (const [directory, last] of [
    [
      'file',
      expect.stringMatching(/^lightlag serve: cannot open .*\/file\/store: .*not a directory/),
    ],
    ['a', expect.stringMatching(/\/a\/store: data\.mdb is damaged or not a store$/)],
    ['b', expect.stringMatching(/\/b\/store: not a directory/)],
  ] as const) {
    const start = serve(written('disk.yaml', host(directory)))
    expect({ directory, ...start }).toEqual({ directory, status: 1, last })
  }
  const missing = host('c', 'tls: { certificate: c.pem, key: k.pem }\n')
  expect(serve(written('tls.yaml', missing))).toEqual({
    status: 1,
    last: expect.stringMatching(/^lightlag serve: .*\/c\.pem: no such file$/),
  })
})

test.skipIf(needsRoot() ?? needsFolderOpenToAll())(
  'what may not be read or written is named',
  () => {
    chmodSync(folder, 0o755)
    const secret = written('secret.yaml', host('d'))
    chmodSync(join(folder, secret), 0o600)
    expect(serve(secret, { uid: NOBODY })).toEqual({
      status: 2,
      last: 'cannot read secret.yaml: permission denied',
    })
    expect(serve(written('open.yaml', host('mine')), { uid: NOBODY })).toEqual({
      status: 1,
      last: expect.stringMatching(/\/mine.*permission denied/),
    })
  },
)

test('a port that is taken is named, with the service that wants it', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { readonly port: number }
  const taken = host('p', `users: []\nsmtp: { listen: "127.0.0.1:${port}" }\n`)
  expect(serve(written('port.yaml', taken))).toEqual({
    status: 1,
    last: `lightlag serve: smtp: listen EADDRINUSE: address already in use 127.0.0.1:${port}`,
  })
  server.close()
  const elsewhere = host('p', `users: []\nsmtp: { listen: "192.0.2.1:${await freePort()}" }\n`)
  expect(serve(written('where.yaml', elsewhere)).last).toMatch(
    /^lightlag serve: smtp: .*address not available 192\.0\.2\.1:/,
  )
})
