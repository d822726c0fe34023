/** Compression by Node's zlib, on its threads. */

import { promisify } from 'node:util'
import {
  brotliCompress,
  brotliCompressSync,
  brotliDecompress,
  brotliDecompressSync,
  constants,
  deflate,
  deflateRaw,
  deflateRawSync,
  deflateSync,
  inflate,
  inflateRaw,
  inflateRawSync,
  inflateSync,
} from 'node:zlib'
import { Fault } from '../base/fault.ts'
import type {
  Packing,
  PackingEffort,
  PackingFaultCode,
  PackingFormat,
  PackingOptions,
} from '../ports/packing.ts'

type Codec = (bytes: Uint8Array, options: object) => Uint8Array | Promise<Uint8Array>
type Codecs = Readonly<Record<PackingFormat, { readonly pack: Codec; readonly unpack: Codec }>>

const ON_THREADS: Codecs = {
  zlib: { pack: promisify(deflate), unpack: promisify(inflate) },
  deflate: { pack: promisify(deflateRaw), unpack: promisify(inflateRaw) },
  brotli: { pack: promisify(brotliCompress), unpack: promisify(brotliDecompress) },
}
const AT_ONCE: Codecs = {
  zlib: { pack: deflateSync, unpack: inflateSync },
  deflate: { pack: deflateRawSync, unpack: inflateRawSync },
  brotli: { pack: brotliCompressSync, unpack: brotliDecompressSync },
}

/** The best of DEFLATE: on mail it costs little more than the default. */
const DEFLATE_LEVEL = 9
/** Of mails together 5 packs some 50 MB a second, and 10 packs 2 MB a second into 12 % less; 11 wins nothing more. */
const BROTLI_QUALITY: Readonly<Record<PackingEffort, number>> = { fast: 5, best: 10 }

/** Of the usual window, of 22 bits: what is longer is to be known from its beginning to its end. */
const BROTLI_WINDOW_BYTES = 4_194_304

/**
 * Up to here a thread costs more than the work. Packed by brotli even so few octets may hold very
 * much, so what they become is not unpacked at once.
 */
const AT_ONCE_BYTES_MAX = 4096

/** Packing with all effort takes seconds for a MiB, of the few threads that files and the store wait for too. */
class OneByOne {
  #last: Promise<unknown> = Promise.resolve()

  run<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work)
    this.#last = done.catch(() => {})
    return done
  }
}

export const hostPacking: Packing = packingOf(({ length }, format) =>
  length <= AT_ONCE_BYTES_MAX && format !== 'brotli' ? AT_ONCE : ON_THREADS,
)

/** The same without threads, whose time would be real: for a world whose time is not. */
export const promptPacking: Packing = packingOf(() => AT_ONCE)

function packingOf(codecs: (bytes: Uint8Array, format: PackingFormat) => Codecs): Packing {
  const hard = new OneByOne()
  return {
    formats: ['zlib', 'deflate', 'brotli'],
    pack: (bytes, options) => {
      const { format, effort } = options
      const used = codecs(bytes, format)
      const work = async (): Promise<Uint8Array> =>
        used[format].pack(bytes, parametersOf(bytes, options))
      return effort === 'best' && used === ON_THREADS ? hard.run(work) : work()
    },
    unpack: async (bytes, { format, dictionary, bytesMax }) => {
      // zlib wants room for one octet at least.
      const bounds = { maxOutputLength: Math.max(1, bytesMax), ...(dictionary && { dictionary }) }
      try {
        const whole = await codecs(bytes, format)[format].unpack(bytes, bounds)
        if (whole.length <= bytesMax) return whole
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException
        if (code !== 'ERR_BUFFER_TOO_LARGE') throw broken(format, code)
      }
      throw tooLarge(bytesMax)
    },
  }
}

function parametersOf(
  bytes: Uint8Array,
  { format, dictionary, effort = 'fast' }: PackingOptions,
): object {
  if (format !== 'brotli') return { level: DEFLATE_LEVEL, ...(dictionary && { dictionary }) }
  return {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY[effort],
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
      [constants.BROTLI_PARAM_LGWIN]: bytes.length > BROTLI_WINDOW_BYTES ? 24 : 22,
    },
  }
}

function tooLarge(bytesMax: number): Fault<PackingFaultCode> {
  return new Fault('packing/too-large', `unpacks to more than ${bytesMax} bytes`, {
    temporary: false,
  })
}

function broken(format: PackingFormat, code = 'no such stream'): Fault<PackingFaultCode> {
  return new Fault('packing/broken', `not ${format}: ${code}`, { temporary: false })
}
