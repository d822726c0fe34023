import { describe, expect, it } from 'vitest'
import { concat, fromLatin1 } from '../../src/base/bytes.ts'
import { seededRandom } from '../../src/base/random.ts'
import type { CompressedChannel, Compression } from '../../src/ports/compression.ts'
import { type World, within } from './world.ts'

export interface CompressionWorld extends World {
  readonly compression: Compression
  /** Of zeros, as the other side may send them: in as few octets as it can. */
  deflatedZeros(count: number): Uint8Array
}

/** One end of a stream that is compressed. */
class End {
  readonly channel: CompressedChannel
  readonly sent: Uint8Array[] = []
  readonly heard: Uint8Array[] = []
  drained = 0
  isBroken = false
  /** Called with each piece that is to be sent. */
  onDeflated: (bytes: Uint8Array) => void = () => {}
  onInflated: () => void = () => {}
  #changed = (): void => {}

  constructor(compression: Compression) {
    this.channel = compression.open({
      deflated: (bytes) => this.#note(() => this.#deflated(bytes)),
      // Borrowed: copied at once.
      inflated: (bytes) =>
        this.#note(() => {
          this.heard.push(bytes.slice())
          this.onInflated()
        }),
      drained: () => this.#note(() => this.drained++),
      broken: () =>
        this.#note(() => {
          this.isBroken = true
        }),
    })
  }

  #deflated(bytes: Uint8Array): void {
    this.sent.push(bytes)
    this.onDeflated(bytes)
  }

  #note(what: () => unknown): void {
    what()
    this.#changed()
  }

  get heardBytes(): number {
    return this.heard.reduce((sum, bytes) => sum + bytes.length, 0)
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve
      })
    }
  }
}

/** The contract of `src/ports/compression.ts`. */
export function describeCompression(name: string, make: () => Promise<CompressionWorld>): void {
  const inWorld = (body: (world: CompressionWorld) => Promise<void>) => () => within(make, body)

  describe(`the compression contract: ${name}`, () => {
    it(
      'brings across what is given in one turn, without waiting for more',
      inWorld(async ({ compression }) => {
        const [near, far] = [new End(compression), new End(compression)]
        near.onDeflated = (bytes) => far.channel.inflate(bytes)
        for (const text of ['* OK ready\r\n', 'a', '1 OK done\r\n'.repeat(1000)]) {
          const before = far.heardBytes
          near.channel.deflate(fromLatin1(text))
          expect(near.channel.unsentBytes).toBe(text.length)
          await far.until(() => far.heardBytes === before + text.length)
          expect(concat(...far.heard).subarray(before)).toEqual(fromLatin1(text))
        }
      }),
    )

    it(
      'says when all has been handed out, once for what belongs together',
      inWorld(async ({ compression }) => {
        const near = new End(compression)
        near.channel.deflate(fromLatin1('one'))
        near.channel.deflate(fromLatin1('two'))
        await near.until(() => near.drained > 0)
        expect([near.drained, near.channel.unsentBytes]).toEqual([1, 0])
      }),
    )

    it(
      'brings three megabytes across in pieces of any size, and inflates them however they are cut',
      inWorld(async ({ compression }) => {
        const random = seededRandom(1)
        const below = (end: number): number => Math.floor(random.next() * end)
        const bytes = new Uint8Array(3_000_000)
        for (let i = 0; i < bytes.length; i++) bytes[i] = i % 3 === 0 ? below(256) : i >> 12
        const [near, far] = [new End(compression), new End(compression)]
        near.onDeflated = (sent) => {
          for (let from = 0; from < sent.length; ) {
            const end = from + 1 + below(3000)
            far.channel.inflate(sent.subarray(from, end))
            from = end
          }
        }
        for (let from = 0; from < bytes.length; ) {
          const end = from + 1 + below(200_000)
          near.channel.deflate(bytes.slice(from, end))
          from = end
        }
        await far.until(() => far.heardBytes === bytes.length)
        expect(Buffer.compare(concat(...far.heard), bytes)).toBe(0)
      }),
    )

    it(
      'hands out no more than one piece while it is paused, however little has become very much',
      inWorld(async ({ compression, deflatedZeros }) => {
        const end = new End(compression)
        end.onInflated = () => end.channel.pause()
        const count = 5_000_000
        end.channel.inflate(deflatedZeros(count))
        await end.until(() => end.heardBytes > 0)
        const other = new End(compression)
        other.channel.deflate(fromLatin1('time goes on'))
        await other.until(() => other.drained > 0)
        expect(end.heard.length).toBeLessThanOrEqual(2)
        expect(end.heardBytes).toBeLessThan(200_000)
        end.onInflated = () => {}
        end.channel.resume()
        await end.until(() => end.heardBytes === count)
      }),
    )

    it(
      'says that what is no DEFLATE is broken',
      inWorld(async ({ compression }) => {
        const end = new End(compression)
        end.channel.inflate(fromLatin1('a NOOP\r\n'.repeat(10)))
        await end.until(() => end.isBroken)
        expect(end.heardBytes).toBe(0)
      }),
    )

    it(
      'says that what follows the last block is broken, and does not keep it',
      inWorld(async ({ compression }) => {
        const end = new End(compression)
        end.channel.inflate(Uint8Array.of(1, 0, 0, 0xff, 0xff))
        for (let i = 0; i < 100 && !end.isBroken; i++) {
          end.channel.inflate(new Uint8Array(1000))
          const other = new End(compression)
          other.channel.deflate(fromLatin1('time goes on'))
          await other.until(() => other.drained > 0)
        }
        expect([end.isBroken, end.heardBytes]).toEqual([true, 0])
      }),
    )

    it(
      'hands out what it was given before its end, hears nothing after it, and ends once',
      inWorld(async ({ compression }) => {
        const [near, far] = [new End(compression), new End(compression)]
        near.onDeflated = (bytes) => far.channel.inflate(bytes)
        near.channel.deflate(fromLatin1('* BYE\r\n'))
        let ends = 0
        await new Promise<void>((resolve) => {
          near.channel.end(() => {
            ends++
            resolve()
          })
          near.channel.end(() => ends++)
        })
        near.channel.deflate(fromLatin1('too late'))
        const echo = new End(compression)
        echo.onDeflated = (bytes) => near.channel.inflate(bytes)
        echo.channel.deflate(fromLatin1('not heard'))
        await echo.until(() => echo.drained > 0)
        await far.until(() => far.heardBytes === '* BYE\r\n'.length)
        expect([near.heardBytes, near.isBroken, ends]).toEqual([0, false, 1])
      }),
    )
  })
}
