/** DEFLATE by Node's zlib. */

import { constants, createDeflateRaw, createInflateRaw } from 'node:zlib'
import type { CompressedChannel, Compression, CompressionHandlers } from '../ports/compression.ts'
import { plainBytes } from './bytes.ts'

/** Of output at a time. What waits while its owner is paused is a few of them: zlib works on no further. */
const CHUNK_BYTES = 16_384

/** The window of the deflater: 32 KiB would be the default, and there is one for each session. */
const WINDOW_BITS = 13
const MEMORY_LEVEL = 6

export const hostCompression: Compression = { open }

function open({ deflated, drained, inflated, broken }: CompressionHandlers): CompressedChannel {
  const deflater = createDeflateRaw({
    chunkSize: CHUNK_BYTES,
    windowBits: WINDOW_BITS,
    memLevel: MEMORY_LEVEL,
  })
  const inflater = createInflateRaw({ chunkSize: CHUNK_BYTES })
  let unsentBytes = 0
  /** Given since the last flush was asked for. */
  let unflushedBytes = 0
  let isEnded = false
  /** The other side has said that no more comes. */
  let isOver = false
  deflater.on('data', (bytes: Buffer) => deflated(plainBytes(bytes)))
  inflater.on('data', (bytes: Buffer) => inflated(plainBytes(bytes)))
  inflater.on('error', () => {
    if (!isEnded) broken()
  })
  inflater.on('end', () => {
    isOver = true
    // It would keep all that follows and never look at it.
    inflater.destroy()
  })

  /** What is sent in one turn is flushed once, and all of it: the other side waits for the answer. */
  const flush = (): void => {
    const bytes = unflushedBytes
    unflushedBytes = 0
    if (isEnded) return
    deflater.flush(constants.Z_SYNC_FLUSH, () => {
      // What it has made of them is handed out in this turn or before it.
      setImmediate(() => {
        unsentBytes -= bytes
        if (unsentBytes === 0 && !isEnded) drained()
      })
    })
  }

  return {
    get unsentBytes() {
      return unsentBytes
    },
    deflate: (bytes) => {
      if (isEnded || bytes.length === 0) return
      deflater.write(bytes)
      unsentBytes += bytes.length
      if (unflushedBytes === 0) setImmediate(flush)
      unflushedBytes += bytes.length
    },
    inflate: (bytes) => {
      if (isEnded) return
      if (isOver) broken()
      else inflater.write(Uint8Array.from(bytes))
    },
    pause: () => inflater.pause(),
    resume: () => inflater.resume(),
    end: (done) => {
      if (isEnded) return
      isEnded = true
      inflater.destroy()
      deflater.once('end', done)
      deflater.end()
    },
  }
}
