/** DEFLATE by Node's zlib. */

import { constants, createDeflateRaw, createInflateRaw } from 'node:zlib'
import type { CompressedChannel, Compression, CompressionHandlers } from '../ports/compression.ts'

/** Of output at a time: what waits while the other side is paused is as much. */
const CHUNK_BYTES = 16_384

/** The window of the deflater: 32 KiB would be the default, and there is one for each session. */
const WINDOW_BITS = 13
const MEMORY_LEVEL = 6

export const hostCompression: Compression = { open }

function open({ deflated, inflated, broken }: CompressionHandlers): CompressedChannel {
  const deflater = createDeflateRaw({
    chunkSize: CHUNK_BYTES,
    windowBits: WINDOW_BITS,
    memLevel: MEMORY_LEVEL,
  })
  const inflater = createInflateRaw({ chunkSize: CHUNK_BYTES })
  let isFlushDue = false
  let isEnded = false
  deflater.on('data', (bytes: Uint8Array) => deflated(bytes))
  inflater.on('data', (bytes: Uint8Array) => {
    if (!isEnded) inflated(bytes)
  })
  inflater.on('error', () => {
    if (!isEnded) broken()
  })
  return {
    deflate: (bytes) => {
      deflater.write(bytes)
      if (isFlushDue) return
      isFlushDue = true
      // What is sent in one turn is flushed once, and all of it: the other side waits for the answer.
      setImmediate(() => {
        isFlushDue = false
        deflater.flush(constants.Z_SYNC_FLUSH)
      })
    },
    inflate: (bytes) => {
      inflater.write(Uint8Array.from(bytes))
    },
    pause: () => inflater.pause(),
    resume: () => inflater.resume(),
    end: (done) => {
      isEnded = true
      inflater.destroy()
      deflater.once('end', done)
      deflater.end()
    },
  }
}
