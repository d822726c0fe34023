import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { connectLocal, listenLocal } from './local.ts'

const folders: string[] = []

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

function newPath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'lightlag-'))
  folders.push(folder)
  return join(folder, 'control.sock')
}

test('only its owner may use a local socket, which goes with its listener', async () => {
  const path = newPath()
  const listener = await listenLocal({ host: path, port: 0 }, () => {})
  expect(statSync(path).mode & 0o777).toBe(0o600)
  await listener.close()
  expect(existsSync(path)).toBe(false)
})

test('everybody may connect to one that is for everybody', async () => {
  const path = newPath()
  const listener = await listenLocal({ host: path, port: 0, access: 'everyone' }, () => {})
  expect(statSync(path).mode & 0o777).toBe(0o666)
  await listener.close()
})

test('a socket that a killed program left behind is replaced', async () => {
  const path = newPath()
  const child = spawn(process.execPath, [
    '-e',
    `require('net').createServer().listen(${JSON.stringify(path)}, () => console.log('up'))`,
  ])
  await once(child.stdout, 'data')
  child.kill('SIGKILL')
  await once(child, 'close')
  expect(existsSync(path)).toBe(true)
  const listener = await listenLocal({ host: path, port: 0 }, (stream) => stream.close())
  const stream = await connectLocal(listener.address, 1000)
  await new Promise((resolve) => {
    stream.onEnd = resolve
  })
  await listener.close()
})

test('a file that is no socket is left alone', async () => {
  const path = newPath()
  writeFileSync(path, 'mine')
  await expect(listenLocal({ host: path, port: 0 }, () => {})).rejects.toMatchObject({
    code: 'network/address-in-use',
  })
  expect(existsSync(path)).toBe(true)
})

test('a path longer than the system takes is refused in words', async () => {
  const at = { host: `/tmp/${'x'.repeat(110)}`, port: 0 }
  const refusal = {
    code: 'network/address-unavailable',
    message: expect.stringContaining('at most'),
  }
  await expect(listenLocal(at, () => {})).rejects.toMatchObject(refusal)
  await expect(connectLocal(at, 1000)).rejects.toMatchObject(refusal)
})
