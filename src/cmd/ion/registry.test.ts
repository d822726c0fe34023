import { mkdtempSync, readlinkSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { announceNode, registryFolder } from './registry.ts'

let folder: string
const servers: Server[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lightlag-'))
  vi.stubEnv('XDG_RUNTIME_DIR', folder)
})

afterEach(async () => {
  vi.unstubAllEnvs()
  for (const server of servers.splice(0)) server.close()
  rmSync(folder, { recursive: true })
})

async function listening(name: string): Promise<string> {
  const path = join(folder, name)
  const server = createServer((socket) => socket.destroy())
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(path, resolve))
  return path
}

test('a second node with the number of one that runs is refused, and the first stays known', async () => {
  const [first, second] = [await listening('first'), await listening('second')]
  await announceNode(2n, first)
  await expect(announceNode(2n, second)).rejects.toMatchObject({
    status: 1,
    message: `a node 2 of this user runs already: ${first}; a number of its own for each would be right`,
  })
  expect(readlinkSync(join(registryFolder(), '2.sock'))).toBe(first)
  await announceNode(3n, second)
})

test('the place of one that is gone is taken, and given back', async () => {
  await announceNode(2n, join(folder, 'killed'))
  const second = await listening('second')
  const withdraw = await announceNode(2n, second)
  expect(readlinkSync(join(registryFolder(), '2.sock'))).toBe(second)
  withdraw()
  expect(() => readlinkSync(join(registryFolder(), '2.sock'))).toThrow('ENOENT')
})
