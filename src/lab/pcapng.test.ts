import { expect, test } from 'vitest'
import { capturedDatagram } from '../../test/support/captured.ts'
import { concat, fromLatin1, toLatin1 } from '../base/bytes.ts'
import { monoMs, wallMs } from '../base/time.ts'
import type { CapturedPacket } from './capture.ts'
import { udpDatagram } from './frame.ts'
import { type PcapngOptions, pcapng } from './pcapng.ts'

interface Block {
  readonly type: number
  readonly body: Uint8Array
}

/** Its blocks, whose two lengths agree. */
function blocksOf(file: Uint8Array): readonly Block[] {
  const view = new DataView(file.buffer, file.byteOffset)
  const blocks: Block[] = []
  for (let at = 0; at < file.length; ) {
    const length = view.getUint32(at + 4, true)
    expect(length % 4).toBe(0)
    expect(view.getUint32(at + length - 4, true)).toBe(length)
    blocks.push({ type: view.getUint32(at, true), body: file.subarray(at + 8, at + length - 4) })
    at += length
  }
  return blocks
}

function written(
  packets: readonly CapturedPacket[],
  options: Partial<PcapngOptions> = {},
): readonly Block[] {
  return blocksOf(concat(...pcapng(packets, { startsAt: wallMs(1_795_420_800_000), ...options })))
}

function packetsIn(blocks: readonly Block[]) {
  return blocks
    .filter(({ type }) => type === 6)
    .map(({ body }) => {
      const view = new DataView(body.buffer, body.byteOffset)
      const time = (BigInt(view.getUint32(4, true)) << 32n) | BigInt(view.getUint32(8, true))
      const length = view.getUint32(12, true)
      return {
        on: view.getUint32(0, true),
        time,
        frame: body.subarray(20, 20 + length),
        options: toLatin1(body.subarray(20 + length + (-length & 3))),
      }
    })
}

test('a file begins with its section, and each host has an interface by its name', () => {
  const blocks = written([
    capturedDatagram({ from: 'mail-1', to: 'mail-2' }),
    capturedDatagram({ from: 'mail-2', to: 'mail-1' }),
    capturedDatagram({ from: 'mail-1', to: 'mail-2' }),
  ])
  expect(blocks.map(({ type }) => type)).toEqual([0x0a0d0d0a, 1, 6, 1, 6, 6])
  expect(toLatin1(blocks[1]?.body ?? new Uint8Array(0))).toContain('mail-1')
  expect(packetsIn(blocks).map(({ on }) => on)).toEqual([0, 1, 0])
})

test('times are civil, in nanoseconds', () => {
  const [packet] = packetsIn(written([capturedDatagram({ sentAt: monoMs(1500.25) })]))
  expect(packet?.time).toBe(1_795_420_801_500_250_000n)
})

test('nobody sees each packet once, as it sets out, and is told what got lost', () => {
  const found = packetsIn(
    written([
      capturedDatagram({}),
      capturedDatagram({ arrivesAt: 'lost' }),
      capturedDatagram({ isOnward: true, arrivesAt: 'lost' }),
    ]),
  )
  expect(found.map(({ options }) => options.includes('lost on its way'))).toEqual([false, true])
})

test('a host sees what it sends when it does, and what reaches it when it does', () => {
  const found = packetsIn(
    written(
      [
        capturedDatagram({ from: 'far', to: 'near', sentAt: monoMs(0), arrivesAt: monoMs(500) }),
        capturedDatagram({ from: 'far', to: 'near', sentAt: monoMs(1), arrivesAt: 'lost' }),
        capturedDatagram({ from: 'near', to: 'far', sentAt: monoMs(100), arrivesAt: 'lost' }),
        capturedDatagram({ from: 'far', to: 'other', sentAt: monoMs(2), arrivesAt: monoMs(3) }),
      ],
      { at: 'near' },
    ),
  )
  expect(found.map(({ time }) => Number(time / 1_000_000n) - 1_795_420_800_000)).toEqual([100, 500])
})

test('fragments of a datagram put together are the datagram, under one number', () => {
  const datagram = Uint8Array.from({ length: 3000 }, (_, i) => i)
  const pieces = [0, 1480, 2960].map((offset, i, offsets) => {
    const start = Math.max(0, offset - 8)
    const payload = datagram.subarray(start, (offsets[i + 1] ?? 3008) - 8)
    const fragment = { identification: 77, offset, isLast: i === 2, datagram }
    return capturedDatagram({ payload, fragment })
  })
  const frames = packetsIn(written(pieces)).map(({ frame }) => frame)
  const { source, target } = pieces[0] as CapturedPacket
  expect(concat(...frames.map((frame) => frame.subarray(34)))).toEqual(
    udpDatagram(source, target, datagram),
  )
  expect(frames.map((frame) => (frame[18] ?? 0) * 256 + (frame[19] ?? 0))).toEqual([77, 77, 77])
})

test('whole packets of two hosts are numbered', () => {
  const frames = packetsIn(written([capturedDatagram({}), capturedDatagram({})]))
  expect(frames.map(({ frame }) => frame[19])).toEqual([0, 1])
  expect(toLatin1(frames[0]?.frame ?? fromLatin1(''))).toContain('hello')
})
