import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, expect, test } from 'vitest'
import { ownerDirectory } from '../ports/local-users.ts'
import { hostLocalUsers } from './local-users.ts'

const folder = mkdtempSync(join(tmpdir(), 'lightlag-'))
const socket = join(folder, 'socket')
writeFileSync(socket, '')
const session = `S${process.pid}`
const directory = ownerDirectory(session, socket)
const { username } = userInfo()

afterEach(() => rmSync(directory, { recursive: true, force: true }))
afterAll(() => rmSync(folder, { recursive: true }))

test('a user is who has made the directory of the session, for this session and this socket', async () => {
  expect(await hostLocalUsers.isOwner(session, socket, username)).toBe(false)
  mkdirSync(directory, { mode: 0o700 })
  expect(await hostLocalUsers.isOwner(session, socket, username)).toBe(true)
  expect(await hostLocalUsers.isOwner(`${session}x`, socket, username)).toBe(false)
  writeFileSync(`${socket}2`, '')
  expect(await hostLocalUsers.isOwner(session, `${socket}2`, username)).toBe(false)
  // By whatever way it is reached, it is the same socket.
  symlinkSync(socket, `${socket}3`)
  expect(await hostLocalUsers.isOwner(session, `${socket}3`, username)).toBe(true)
})

test('one in which others may write, a file, and a link to a directory show nothing', async () => {
  mkdirSync(directory)
  chmodSync(directory, 0o770)
  expect(await hostLocalUsers.isOwner(session, socket, username)).toBe(false)
  rmdirSync(directory)
  writeFileSync(directory, '', { mode: 0o700 })
  expect(await hostLocalUsers.isOwner(session, socket, username)).toBe(false)
  rmSync(directory)
  symlinkSync(folder, directory)
  expect(await hostLocalUsers.isOwner(session, socket, username)).toBe(false)
})

test('a user that there is not, a number and an option of a program are nobody', async () => {
  mkdirSync(directory, { mode: 0o700 })
  for (const name of ['no-such-user', String(userInfo().uid), '-g', '', 'a b', 'x'.repeat(100)]) {
    expect(await hostLocalUsers.isOwner(session, socket, name)).toBe(false)
  }
})

test.skipIf(userInfo().uid !== 0)('a directory of another user shows that one alone', async () => {
  mkdirSync(directory, { mode: 0o700 })
  chownSync(directory, 65_534, 65_534)
  expect(await hostLocalUsers.isOwner(session, socket, username)).toBe(false)
  expect(await hostLocalUsers.isOwner(session, socket, 'nobody')).toBe(true)
})
