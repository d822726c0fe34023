/** What the tests of all bundle sessions need. */

import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { concat, fromHex, toHex } from '../../src/base/bytes.ts'
import { monoMs } from '../../src/base/time.ts'
import type {
  BundleSession,
  BundleSessionEffect,
  BundleSessionEvent,
} from '../../src/proto/bundle-session/session.ts'

/** Feeds one event after the other and keeps everything said. */
export class Conversation {
  readonly session: BundleSession
  readonly effects: BundleSessionEffect[] = []
  now = 0

  constructor(session: BundleSession) {
    this.session = session
  }

  /** What was said to this event alone. */
  feed(event: BundleSessionEvent): readonly BundleSessionEffect[] {
    const effects = this.session.handle(event, monoMs(this.now))
    this.effects.push(...effects)
    return effects
  }

  bytes(...parts: readonly (Uint8Array | string)[]): readonly BundleSessionEffect[] {
    return this.feed({ type: 'bytes', bytes: join(parts) })
  }

  /** Lets time pass, with a tick at each deadline. */
  wait(durationMs: number): readonly BundleSessionEffect[] {
    const before = this.effects.length
    const end = this.now + durationMs
    for (;;) {
      const { deadline } = this.session
      if (deadline === undefined || deadline > end) break
      this.now = Math.max(this.now, deadline)
      this.feed({ type: 'tick' })
    }
    this.now = end
    return this.effects.slice(before)
  }

  types(): readonly string[] {
    return this.effects.map(({ type }) => type)
  }
}

export function join(parts: readonly (Uint8Array | string)[]): Uint8Array {
  return concat(
    ...parts.map((part) => (typeof part === 'string' ? (fromHex(part) as Uint8Array) : part)),
  )
}

/** All that was sent, in hex. */
export function sent(effects: readonly BundleSessionEffect[]): string {
  return effects.map((effect) => (effect.type === 'send' ? toHex(effect.bytes) : '')).join('')
}

/** Everything but how it was cut: adjoining sends are one, and flow is left out. */
export function essence(effects: readonly BundleSessionEffect[]): readonly unknown[] {
  const said: unknown[] = []
  let hex = ''
  const flush = (): void => {
    if (hex !== '') said.push(hex)
    hex = ''
  }
  for (const effect of effects) {
    if (effect.type === 'pause' || effect.type === 'resume') continue
    if (effect.type === 'send') hex += toHex(effect.bytes)
    else {
      flush()
      said.push(effect.type === 'received' ? { ...effect, bundle: toHex(effect.bundle) } : effect)
    }
  }
  flush()
  return said
}

/** `bytes` cut at places that a test chooses. */
export function chunks(bytes: Uint8Array, cuts: readonly number[]): readonly Uint8Array[] {
  const places = [...cuts.map((cut) => cut % (bytes.length + 1)), 0, bytes.length]
  places.sort((a, b) => a - b)
  return places.slice(1).map((end, i) => bytes.subarray(places[i], end))
}

export const arbitraryCuts: fc.Arbitrary<number[]> = fc.array(fc.nat(), { maxLength: 30 })

export interface Vector {
  readonly bytes: Uint8Array
  /** What stands behind the bytes, word by word. */
  readonly words: readonly string[]
}

/** The cases of a file in `vectors`: hex and words. */
export function vectors(file: string): readonly Vector[] {
  const text = readFileSync(new URL(`../../vectors/${file}`, import.meta.url), 'utf8')
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [hex = '', ...words] = line.split(' ')
      return { bytes: join([hex]), words }
    })
}
