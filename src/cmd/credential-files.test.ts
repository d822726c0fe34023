import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { parseNodeConfig } from '../config/node-config.ts'
import { withCredentials } from './credential-files.ts'

let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lightlag-credentials-'))
})

afterEach(() => rmSync(directory, { recursive: true }))

function read(): unknown {
  const text =
    'host: m.a.com\ndirectory: d\nnode: ipn:2\noutgoing: { routes: { "smtp:[x]:587": { tls: required, credentials: relay.secret }, "smtp:b.com": {} } }\n'
  const parsed = parseNodeConfig(text, 'node.yaml')
  if (!parsed.ok) throw parsed.fault
  return withCredentials(parsed.value, join(directory, 'node.yaml')).outgoing?.routes
}

test('credentials come from the file beside the one that names it', () => {
  writeFileSync(join(directory, 'relay.secret'), 'user:pass word\n', { mode: 0o600 })
  expect(read()).toEqual([
    {
      route: 'smtp:[x]:587',
      tls: 'required',
      credentials: { user: 'user', password: 'pass word' },
    },
    { route: 'smtp:b.com' },
  ])
})

test('a file that is not there, has something else or is open to others is told', () => {
  const file = join(directory, 'relay.secret')
  expect(read).toThrow(`cannot read ${file}: it is not there`)
  writeFileSync(file, 'user\n', { mode: 0o600 })
  expect(read).toThrow(`${file}:1: no credentials: one line "user:password" would be right`)
  chmodSync(file, 0o644)
  expect(read).toThrow('mode 600 would be right')
})
