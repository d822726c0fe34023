import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromLatin1, toLatin1 } from '../base/bytes.ts'
import { seededRandom } from '../base/random.ts'
import { monoMs } from '../base/time.ts'
import { LabStore } from './store.ts'
import { World } from './world.ts'

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const put = (key: string, text: string) => ({ table: 't', key, value: fromLatin1(text) })
const contents = (store: LabStore): readonly string[] =>
  [...store.range('t', {})].map(({ key, value }) => `${key}=${toLatin1(value)}`)

describe('the lab store in a crash', () => {
  it('keeps what has resolved, loses what has not, and never settles that', async () => {
    const world = new World({ settle })
    const store = new LabStore({ latency: { clock: world, durationMs: 5 } })
    let settled = 0
    void store.commit([put('a', 'one'), put('b', 'two')]).then(() => settled++)
    await world.run(monoMs(3))
    void store.commit([put('a', 'changed'), { ...put('b', ''), value: undefined }]).finally(() => {
      settled++
    })
    await world.run(monoMs(6))
    const again = new LabStore({}, store.crash())
    await world.run()
    expect(settled).toBe(1)
    expect(contents(again)).toEqual(['a=one', 'b=two'])
    expect(again.usedBytes).toBe(8)
  })

  it('with luck, keeps the first of those under way, in their order', async () => {
    const left = new Set<string>()
    for (let seed = 1; seed <= 50; seed++) {
      const world = new World({ settle })
      const store = new LabStore({ latency: { clock: world, durationMs: 5 } })
      void store.commit([put('a', '1')])
      void store.commit([put('b', '2')])
      left.add(contents(new LabStore({}, store.crash(seededRandom(seed)))).join(' '))
    }
    expect([...left].sort()).toEqual(['', 'a=1', 'a=1 b=2'])
  })

  it('has no effect any more on what survived it', async () => {
    const store = new LabStore()
    await store.commit([put('a', 'one')])
    const again = new LabStore({}, store.crash())
    void store.commit([put('a', 'from the grave')])
    await settle()
    expect(contents(again)).toEqual(['a=one'])
    await again.commit([put('a', 'alive')])
    expect(contents(store)).toEqual(['a=one'])
  })

  it('does not take bytes that are changed after they were given, as a mistake of ours', async () => {
    const store = new LabStore()
    const value = fromLatin1('one')
    const committed = store.commit([put('b', 'two'), { table: 't', key: 'a', value }])
    value.fill(0)
    await expect(committed).rejects.toThrow('assertion failed: the value of a')
    expect(contents(store)).toEqual([])
  })
})

describe('the lab store', () => {
  it('takes what a commit brings exactly up to its capacity', async () => {
    const store = new LabStore({ capacityBytes: 10 })
    await store.commit([put('a', '123456789')])
    await expect(store.commit([put('b', '')])).rejects.toMatchObject({ code: 'store/full' })
    await store.commit([put('a', '1'), put('b', '1234567')])
    expect(store.usedBytes).toBe(10)
  })

  it('goes on behind the last key told, whatever has come or gone meanwhile', async () => {
    const store = new LabStore()
    const names = Array.from({ length: 100 }, (_, i) => String(i).padStart(3, '0'))
    await store.commit(names.map((name) => put(name, name)))
    const keys = store.keys('t', {})[Symbol.iterator]()
    for (const name of names.slice(0, 50)) expect(keys.next().value).toBe(name)
    const gone = names.slice(0, 90).map((key) => ({ table: 't', key, value: undefined }))
    await store.commit([...gone, put('0485', ''), put('0495', '')])
    expect([...{ [Symbol.iterator]: () => keys }]).toEqual(['0495', ...names.slice(90)])
    expect(contents(store)).toEqual([
      '0485=',
      '0495=',
      ...names.slice(90).map((name) => `${name}=${name}`),
    ])
    expect(store.usedBytes).toBe(4 + 4 + 10 * 6)
  })

  it('property: holds what a Map would, in order, whatever comes and goes', async () => {
    const key = fc.integer({ min: 0, max: 150 }).map((n) => String(n).padStart(3, '0'))
    const change = fc.record({ key, text: fc.option(fc.string({ maxLength: 3 })) })
    const commits = fc.array(fc.array(change, { maxLength: 200 }), { maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(commits, fc.option(key), async (all, from) => {
        const store = new LabStore()
        const model = new Map<string, string>()
        for (const changes of all) {
          await store.commit(
            changes.map(({ key, text }) =>
              text === null ? { ...put(key, ''), value: undefined } : put(key, text),
            ),
          )
          for (const { key, text } of changes) {
            if (text === null) model.delete(key)
            else model.set(key, text)
          }
          const expected = [...model].sort(([a], [b]) => (a < b ? -1 : 1))
          expect(contents(store)).toEqual(expected.map(([name, text]) => `${name}=${text}`))
          expect(store.usedBytes).toBe(
            expected.reduce((sum, [, { length }]) => sum + 3 + length, 0),
          )
          if (from === null) continue
          const names = expected.map(([name]) => name).filter((name) => name >= from)
          expect([...store.keys('t', { from })]).toEqual(names)
        }
        expect(contents(new LabStore({}, store.crash()))).toEqual(contents(store))
      }),
    )
  })

  it('refuses keys that no store takes, as a mistake of ours', () => {
    for (const key of ['', 'k'.repeat(501), 'ü', 'a\n']) {
      expect(() => new LabStore().commit([put(key, 'x')])).toThrow('assertion failed')
    }
  })
})
