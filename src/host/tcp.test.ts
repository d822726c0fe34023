import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { fromLatin1, toLatin1 } from '../base/bytes.ts'
import type { Fault } from '../base/fault.ts'
import type { ByteStream, Listener, StreamOptions } from '../ports/network.ts'
import { listenTcp } from './tcp.ts'

describe('a TCP stream', () => {
  it('sends what is sent in one turn in one write', async () => {
    const { stream, peer, close } = await accepted()
    for (let i = 0; i < 100; i++) stream.send(fromLatin1('x'))
    const [first] = (await once(peer, 'data')) as [Buffer]
    expect(first.length).toBe(100)
    await close()
  })

  it.each([
    [false, 0],
    [true, 6],
  ])(
    'that sends together with others (%s) waits until they have been heard',
    async (sendsTogether, unsent) => {
      const { stream, peer, close } = await accepted({ sendsTogether })
      const left = new Promise<number>((resolve) => {
        stream.onBytes = () => {
          stream.send(fromLatin1('250 ok'))
          // Behind what is to be done at the next tick.
          process.nextTick(() => process.nextTick(() => resolve(stream.unsentBytes)))
        }
      })
      peer.write('NOOP')
      expect(await left).toBe(unsent)
      expect(String((await once(peer, 'data'))[0])).toBe('250 ok')
      await close()
    },
  )

  it('hears what a peer says that closes its half at once, and answers it still', async () => {
    const { stream, peer, ended, close } = await accepted()
    stream.onBytes = (bytes) => stream.send(fromLatin1(`heard ${toLatin1(bytes)}`))
    peer.end('QUIT')
    const [answer] = (await once(peer, 'data')) as [Buffer]
    expect(answer.toString()).toBe('heard QUIT')
    expect(await ended).toBeUndefined()
    await close()
  })

  it('still sends a peer that has closed its half what is decided later', async () => {
    const { stream, peer, ended, close } = await accepted()
    const turns = async (): Promise<void> => {
      for (let i = 0; i < 10; i++) await setImmediate()
    }
    stream.onBytes = async () => {
      await turns()
      stream.send(fromLatin1('250 ok\r\n'))
      await turns()
      stream.send(fromLatin1('221 bye\r\n'))
      stream.close()
    }
    peer.end('QUIT')
    const parts: Buffer[] = []
    for await (const part of peer) parts.push(part)
    expect(Buffer.concat(parts).toString()).toBe('250 ok\r\n221 bye\r\n')
    expect(await ended).toBeUndefined()
    await close()
  })

  it('does not wait for ever for an answer to a peer that has closed its half', async () => {
    const { peer, ended, close } = await accepted()
    peer.end('EHLO a')
    peer.resume()
    await once(peer, 'end')
    expect(await ended).toBeUndefined()
    await close()
  })

  it('does not wait for ever for the peer to close as well', async () => {
    const { stream, peer, ended, close } = await accepted()
    peer.resume()
    stream.send(fromLatin1('221 bye\r\n'))
    stream.close()
    expect(await ended).toBeUndefined()
    await close()
  })

  it('does not wait for ever for a peer that takes no more', async () => {
    const { stream, ended, close } = await accepted()
    const piece = new Uint8Array(1_048_576)
    for (let i = 0; i < 48; i++) stream.send(piece)
    stream.close()
    expect(await ended).toMatchObject({ code: 'network/timed-out' })
    await close()
  })

  it('tells of a peer that breaks off', async () => {
    const { peer, ended, close } = await accepted()
    peer.resetAndDestroy()
    expect(await ended).toMatchObject({ code: 'network/reset', temporary: true })
    await close()
  })
})

interface Accepted {
  readonly stream: ByteStream
  /** The other end, with a half that stays open until it is ended. */
  readonly peer: Socket
  readonly ended: Promise<Fault | undefined>
  close(): Promise<void>
}

async function accepted(options: StreamOptions = {}): Promise<Accepted> {
  const limits = { idleMs: 50, peerCloseMs: 50, answerMs: 50 }
  let listener: Listener | undefined
  let peer: Socket | undefined
  const stream = await new Promise<ByteStream>((resolve) => {
    void listenTcp({ host: '127.0.0.1', port: 0 }, resolve, options, limits).then((listening) => {
      listener = listening
      peer = connect({ ...listening.address, allowHalfOpen: true })
    })
  })
  const ended = new Promise<Fault | undefined>((resolve) => {
    stream.onEnd = resolve
  })
  return {
    stream,
    peer: peer as Socket,
    ended,
    close: async () => {
      peer?.destroy()
      stream.abort()
      await listener?.close()
    },
  }
}
