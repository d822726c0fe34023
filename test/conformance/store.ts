import { describe, expect, it } from 'vitest'
import { fromLatin1, toLatin1 } from '../../src/base/bytes.ts'
import { type Store, type StoreChange, withPrefix } from '../../src/ports/store.ts'
import { type World, within } from './world.ts'

export interface StoreWorld extends World {
  /** Opens the world's one store: empty the first time, with what was committed afterwards. */
  open(): Promise<Store>
}

/** The contract of `src/ports/store.ts`. The store that `make` gives holds about `capacityBytes`. */
export function describeStore(
  name: string,
  make: (capacityBytes: number) => Promise<StoreWorld>,
): void {
  const inStore =
    (body: (store: Store, world: StoreWorld) => Promise<void>, capacityBytes = 16 * MiB) =>
    () =>
      within(
        () => make(capacityBytes),
        async (world) => {
          const store = await world.open()
          await body(store, world)
          await store.close()
        },
      )

  describe(`the store contract: ${name}`, () => {
    it(
      'returns what was committed, and undefined for what was not',
      inStore(async (store) => {
        await store.commit([put('spool', 'a', 'one')])
        expect(read(store, 'spool', 'a')).toBe('one')
        expect(store.get('spool', 'b')).toBeUndefined()
        expect(store.get('other', 'a')).toBeUndefined()
      }),
    )

    it(
      'replaces, removes, and bears the removal of what is absent',
      inStore(async (store) => {
        await store.commit([put('spool', 'a', 'one'), put('spool', 'b', 'two')])
        await store.commit([put('spool', 'a', 'three'), remove('spool', 'b')])
        await store.commit([remove('spool', 'never'), remove('never', 'a')])
        expect(contents(store, 'spool')).toEqual(['a=three'])
      }),
    )

    it(
      'carries out the changes of one commit in their order',
      inStore(async (store) => {
        await store.commit([
          put('t', 'a', 'first'),
          put('t', 'a', 'last'),
          put('t', 'b', 'made'),
          remove('t', 'b'),
          remove('t', 'c'),
          put('t', 'c', 'made again'),
        ])
        expect(contents(store, 't')).toEqual(['a=last', 'c=made again'])
      }),
    )

    it(
      'carries out commits in the order of their calls, without waiting in between',
      inStore(async (store) => {
        const commits = Array.from({ length: 200 }, (_, i) =>
          store.commit([put('t', 'last', String(i)), put('t', key(i), 'x')]),
        )
        await Promise.all(commits)
        expect(read(store, 't', 'last')).toBe('199')
        expect([...store.keys('t', withPrefix('key-'))]).toHaveLength(200)
      }),
    )

    it(
      'bears an empty commit and an empty value',
      inStore(async (store) => {
        await store.commit([])
        await store.commit([put('t', 'empty', '')])
        expect(store.get('t', 'empty')).toEqual(new Uint8Array(0))
        expect(contents(store, 't')).toEqual(['empty='])
      }),
    )

    it(
      'holds keys of 500 characters and values of any bytes and a megabyte',
      inStore(async (store) => {
        const long = 'k'.repeat(500)
        const value = Uint8Array.from({ length: MiB }, (_, i) => i * 31)
        await store.commit([
          { table: 't', key: long, value: value.slice() },
          put('t', `${long.slice(1)}l`, 'next'),
        ])
        expect(equal(store.get('t', long), value)).toBe(true)
        expect([...store.keys('t', {})]).toHaveLength(2)
        for (const entry of store.range('t', { to: `${long}!` })) {
          expect(equal(entry.value, value)).toBe(true)
        }
      }),
    )

    it(
      'keeps tables apart, also where the name of one begins like another',
      inStore(async (store) => {
        await store.commit([
          put('mail', 'a', '1'),
          put('mailbox', 'a', '2'),
          put('mail-', 'a', '3'),
          put('mail', 'box/a', '4'),
        ])
        expect(contents(store, 'mail')).toEqual(['a=1', 'box/a=4'])
        expect(contents(store, 'mailbox')).toEqual(['a=2'])
        expect(contents(store, 'mail-')).toEqual(['a=3'])
        expect(contents(store, 'mai')).toEqual([])
      }),
    )

    it(
      'lists keys in ascending order of code units, from inclusive, to exclusive',
      inStore(async (store) => {
        const keys = [' ', '!', '-', '/', '0', '00', '1', 'A', 'Z', '_', 'a', 'a!', 'a0', 'b', '~']
        await store.commit([...keys].reverse().map((each) => put('t', each, each)))
        expect([...store.keys('t', {})]).toEqual(keys)
        expect(contents(store, 't')).toEqual(keys.map((each) => `${each}=${each}`))
        expect([...store.keys('t', { from: 'A', to: 'a' })]).toEqual(['A', 'Z', '_'])
        expect([...store.keys('t', { from: 'a' })]).toEqual(['a', 'a!', 'a0', 'b', '~'])
        expect([...store.keys('t', { to: '-' })]).toEqual([' ', '!'])
        expect([...store.keys('t', { from: 'a.' })]).toEqual(['a0', 'b', '~'])
        expect([...store.keys('t', withPrefix('a'))]).toEqual(['a', 'a!', 'a0'])
        expect([...store.keys('t', { from: 'b', to: 'a' })]).toEqual([])
        expect([...store.keys('t', { from: 'a', to: 'a' })]).toEqual([])
        expect([...store.range('t', withPrefix('c'))]).toEqual([])
        expect([...store.keys('none', {})]).toEqual([])
      }),
    )

    it(
      'gives values to the caller as its own',
      inStore(async (store) => {
        await store.commit([put('t', 'a', 'aaaa'), put('t', 'b', 'bbbb')])
        const got = store.get('t', 'a')
        const ranged = [...store.range('t', {})]
        await store.commit([put('t', 'a', 'cccc'), put('t', 'b', 'dddd')])
        for (let i = 0; i < 200; i++) await store.commit([put('t', key(i), 'eeee')])
        expect(toLatin1(got as Uint8Array)).toBe('aaaa')
        expect(ranged.map(({ value }) => toLatin1(value))).toEqual(['aaaa', 'bbbb'])
        got?.fill(0)
        for (const { value } of ranged) value.fill(0)
        expect(read(store, 't', 'a')).toBe('cccc')
        expect(read(store, 't', 'b')).toBe('dddd')
      }),
    )

    it(
      'may be changed while a range is iterated, and the iteration may be broken off',
      inStore(async (store) => {
        await store.commit(Array.from({ length: 50 }, (_, i) => put('t', key(i), 'x')))
        for (const each of store.keys('t', {})) {
          if (each === key(3)) break
        }
        const removals: Promise<void>[] = []
        for (const each of store.keys('t', {})) removals.push(store.commit([remove('t', each)]))
        expect(removals).toHaveLength(50)
        await Promise.all(removals)
        expect(contents(store, 't')).toEqual([])
      }),
    )

    it(
      'is there again, all of it, after it was closed and opened',
      inStore(async (store, world) => {
        await store.commit([put('t', 'a', 'one'), put('u', 'a', 'two')])
        await store.commit([put('t', 'b', 'three'), remove('u', 'a')])
        const unawaited = store.commit([put('t', 'c', 'at the last moment')])
        await store.close()
        await unawaited
        const again = await world.open()
        expect(contents(again, 't')).toEqual(['a=one', 'b=three', 'c=at the last moment'])
        expect(contents(again, 'u')).toEqual([])
        await again.close()
      }),
    )

    it(
      'refuses all but a second close once closed',
      inStore(async (store) => {
        await store.close()
        await store.close()
        const closed = { name: 'Fault', code: 'store/closed', temporary: true }
        await expect(store.commit([put('t', 'a', 'x')])).rejects.toMatchObject(closed)
        await expect(store.commit([])).rejects.toMatchObject(closed)
        expect(caught(() => store.get('t', 'a'))).toMatchObject(closed)
        expect(caught(() => [...store.range('t', {})])).toMatchObject(closed)
        expect(caught(() => [...store.keys('t', {})])).toMatchObject(closed)
      }),
    )

    it(
      'refuses what is beyond its capacity as store/full, changes nothing, and works on',
      inStore(async (store) => {
        await store.commit([put('t', 'old', 'as it was')])
        const tooMuch = Array.from({ length: 3 }, (_, i) => big('t', `big-${i}`, CAPACITY / 2))
        await expect(
          store.commit([put('t', 'old', 'changed'), put('t', 'small', 'x'), ...tooMuch]),
        ).rejects.toMatchObject({ code: 'store/full', temporary: true })
        expect(contents(store, 't')).toEqual(['old=as it was'])
        await store.commit([put('t', 'old', 'changed after all')])
        expect(contents(store, 't')).toEqual(['old=changed after all'])
      }, CAPACITY),
    )

    it(
      'fills up, can be emptied while full, and then uses the room again',
      inStore(async (store) => {
        let filled = 0
        for (let round = 0; round < 5; round++) {
          const held = await fill(store)
          if (round === 0) filled = held
          expect(held).toBeGreaterThanOrEqual(Math.floor(filled * 0.9))
          for (const each of [...store.keys('t', {})]) await store.commit([remove('t', each)])
          expect([...store.keys('t', {})]).toEqual([])
        }
        expect(filled * PIECE).toBeGreaterThan(CAPACITY / 4)
        expect(filled * PIECE).toBeLessThanOrEqual(CAPACITY)
      }, CAPACITY),
    )

    it(
      'remembers how full it is when opened again',
      inStore(async (store, world) => {
        await fill(store)
        await store.close()
        const again = await world.open()
        await expect(again.commit([big('t', 'more', PIECE)])).rejects.toMatchObject({
          code: 'store/full',
          temporary: true,
        })
        await again.commit([remove('t', key(0)), remove('t', key(1)), remove('t', key(2))])
        await again.commit([big('t', 'more', PIECE)])
        expect(again.get('t', 'more')).toHaveLength(PIECE)
        await again.close()
      }, CAPACITY),
    )

    it(
      'settles every one of many commits at once that do not all fit, each as a whole',
      inStore(async (store) => {
        const commits = Array.from({ length: 200 }, (_, i) =>
          store.commit([big('t', key(i), PIECE), put('t', `${key(i)}-mate`, 'x')]),
        )
        const outcomes = await Promise.allSettled(commits)
        expect(outcomes.some(({ status }) => status === 'fulfilled')).toBe(true)
        expect(outcomes.some(({ status }) => status === 'rejected')).toBe(true)
        outcomes.forEach((outcome, i) => {
          const there = outcome.status === 'fulfilled'
          expect(store.get('t', key(i)) !== undefined).toBe(there)
          expect(store.get('t', `${key(i)}-mate`) !== undefined).toBe(there)
          if (outcome.status === 'rejected') {
            expect(outcome.reason).toMatchObject({ code: 'store/full', temporary: true })
          }
        })
      }, CAPACITY),
    )
  })
}

const MiB = 1_048_576
const CAPACITY = MiB
const PIECE = 10_000

/** Adds pieces until the store is full and says how many it took. */
async function fill(store: Store): Promise<number> {
  for (let i = 0; ; i++) {
    try {
      await store.commit([big('t', key(i), PIECE)])
    } catch (error) {
      expect(error).toMatchObject({ code: 'store/full', temporary: true })
      return i
    }
  }
}

function caught(action: () => unknown): unknown {
  try {
    return action()
  } catch (error) {
    return error
  }
}

function put(table: string, key: string, text: string): StoreChange {
  return { table, key, value: fromLatin1(text) }
}

function big(table: string, key: string, sizeBytes: number): StoreChange {
  return { table, key, value: new Uint8Array(sizeBytes).fill(key.length) }
}

function remove(table: string, key: string): StoreChange {
  return { table, key, value: undefined }
}

function key(index: number): string {
  return `key-${String(index).padStart(6, '0')}`
}

function read(store: Store, table: string, key: string): string | undefined {
  const value = store.get(table, key)
  return value === undefined ? undefined : toLatin1(value)
}

function contents(store: Store, table: string): readonly string[] {
  return [...store.range(table, {})].map(({ key, value }) => `${key}=${toLatin1(value)}`)
}

/** Vitest's own comparison of long arrays is too slow here. */
function equal(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a?.length === b.length && a.every((byte, i) => byte === b[i])
}
