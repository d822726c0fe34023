import { describe, expect, it } from 'vitest'
import type { Https } from '../../src/ports/https.ts'
import { type World, within } from './world.ts'

export interface HttpsWorld extends World {
  readonly https: Https
  /** Where `text` is to be had from now on. */
  publish(text: string): Promise<string>
  /** A URL of a server that has no such text. */
  readonly absent: string
}

const LIMITS = { bytesMax: 1000, timeoutMs: 10_000 }

/** The contract of `src/ports/https.ts`. */
export function describeHttps(name: string, make: () => Promise<HttpsWorld>): void {
  const inWorld = (body: (world: HttpsWorld) => Promise<void>) => () => within(make, body)

  describe(`the contract of texts on web servers: ${name}`, () => {
    it(
      'a text is to be had whole',
      inWorld(async ({ https, publish }) => {
        const text = 'version: STSv1\r\nmode: none\r\n'
        expect(await https.getText(await publish(text), LIMITS)).toBe(text)
      }),
    )

    it(
      'one that is too large is not, and one that is just as large as it may be is',
      inWorld(async ({ https, publish }) => {
        const fits = 'x'.repeat(LIMITS.bytesMax)
        expect(await https.getText(await publish(fits), LIMITS)).toBe(fits)
        await expect(https.getText(await publish(`${fits}x`), LIMITS)).rejects.toMatchObject({
          code: 'https/failed',
          temporary: true,
        })
      }),
    )

    it(
      'one that is not there is none',
      inWorld(async ({ https, absent }) => {
        await expect(https.getText(absent, LIMITS)).rejects.toMatchObject({ code: 'https/failed' })
      }),
    )
  })
}
