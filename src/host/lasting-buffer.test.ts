import { once } from 'node:events'
import { type AddressInfo, connect, createServer, Socket } from 'node:net'
import { expect, test } from 'vitest'
import { lastingBuffer } from './lasting-buffer.ts'

test('the sockets of a server read into one buffer, and are heard as any others', async () => {
  const intoLastingBuffer = lastingBuffer()
  const buffers = new Set<ArrayBufferLike>()
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (accepted) => {
    const socket = intoLastingBuffer(accepted)
    expect(socket).not.toBe(accepted)
    socket.on('data', (bytes: Uint8Array) => {
      buffers.add(bytes.buffer)
      socket.write(bytes.slice())
    })
    socket.on('end', () => socket.end())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  for (const size of [1, 10, 1_000_000]) {
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
    const sent = Buffer.alloc(size, 'lightlag')
    const back: Buffer[] = []
    client.on('data', (bytes) => back.push(bytes))
    client.end(sent)
    await once(client, 'close')
    expect(Buffer.concat(back).equals(sent)).toBe(true)
  }
  expect(buffers.size).toBe(1)
  server.close()
})

test('a socket whose handle is not as expected stays as it is, and reads', () => {
  const socket = new Socket().pause()
  expect(lastingBuffer()(socket)).toBe(socket)
  expect(socket.isPaused()).toBe(false)
})
