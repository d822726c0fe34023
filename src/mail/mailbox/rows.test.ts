import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LabStore } from '../../lab/store.ts'
import { formatFileName } from './file-name.ts'
import { FolderIndex, TABLE } from './index-rows.ts'
import { PAGE_ROWS } from './limits.ts'
import { changedRow, type RowData } from './row-pages.ts'

const base = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 30 })
  .filter((text) => !/[/\0:]/.test(text))

const draft = fc
  .record({
    base,
    place: fc.constantFrom('new' as const, 'cur' as const),
    end: fc.constantFrom(undefined, '', ':2,', ':2,PS', ':1,odd'),
    flags: fc.nat(2 ** 31 - 1),
    modSeq: fc.maxSafeNat(),
    dateMs: fc.integer({ min: -1e12, max: 1e15 }),
    sizeBytes: fc.maxSafeNat(),
    emailId: fc.constantFrom(undefined, 'M0123456789abcdef'),
  })
  .map(({ end, ...row }) => {
    const usual = row.place === 'new' ? row.base : formatFileName(row.base, row.flags, '')
    return { ...row, file: end === undefined ? usual : row.base + end }
  })

const id = 'f'.repeat(16)

/** With rows of several pages and holes between them. */
async function indexOf(
  drafts: readonly (typeof draft extends fc.Arbitrary<infer T> ? T : never)[],
) {
  const store = new LabStore()
  const index = FolderIndex.fresh(store, id, 1)
  const rows: RowData[] = []
  for (const [i, { emailId, ...one }] of drafts.entries()) {
    if (i % 3 === 0) index.head.uidNext += PAGE_ROWS / 2
    const uid = index.add(emailId === undefined ? one : { ...one, emailId })
    rows.push({ ...one, uid, emailId: emailId ?? '' })
  }
  await index.commit()
  return { store, index, rows }
}

const plain = (rows: Iterable<RowData>): RowData[] => [...rows].map((row) => changedRow(row, {}))

test('rows come back as they were written, whatever their files are called', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(draft, { maxLength: 20 }), async (drafts) => {
      const { store, index, rows } = await indexOf(drafts)
      expect(plain(index.rows)).toEqual(rows)
      const again = FolderIndex.load(store, id)
      expect(plain(again?.rows ?? [])).toEqual(rows)
      for (const row of rows) expect(plain([again?.find(row.uid) as RowData])).toEqual([row])
    }),
  )
})

test('what was open before a change sees the rows of before it, and the sums are those of the rows', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(draft, { minLength: 1, maxLength: 20 }),
      fc.infiniteStream(fc.nat(2)),
      async (drafts, choices) => {
        const { index, rows } = await indexOf(drafts)
        const before = index.rows
        const uids = [...before.uids]
        const kept: RowData[] = []
        for (const row of rows) {
          const choice = choices.next().value
          if (choice === 0) index.remove([row.uid], index.nextModSeq())
          else if (choice === 1) {
            const changed = changedRow(row, { flags: row.flags ^ 8, modSeq: index.nextModSeq() })
            index.replace(changed)
            kept.push(changed)
          } else kept.push(row)
        }
        await index.commit()
        expect([...before.uids]).toEqual(uids)
        expect(plain(index.rows)).toEqual(kept)
        expect(index.rows.count).toBe(kept.length)
        expect(index.rows.unseen).toBe(kept.filter(({ flags }) => (flags & 8) === 0).length)
        expect(index.rows.firstUnseen).toBe(kept.find(({ flags }) => (flags & 8) === 0)?.uid)
        const middle = rows[Math.floor(rows.length / 2)]?.uid ?? 0
        expect(index.rows.countFrom(middle)).toBe(kept.filter(({ uid }) => uid >= middle).length)
      },
    ),
  )
})

test('an index whose pages are cut or mixed up is none', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(draft, { minLength: 4, maxLength: 9 }), async (drafts) => {
      const { store } = await indexOf(drafts)
      const pages = [...store.range(TABLE, { from: `${id}/p`, to: `${id}/q` })]
      const [first, second] = pages.map(({ key, value }) => ({ table: TABLE, key, value }))
      if (first === undefined || second === undefined) throw new Error('there are several')
      await store.commit([{ ...first, value: first.value.slice(0, -1) }])
      expect(FolderIndex.load(store, id)).toBeUndefined()
      await store.commit([{ ...first, value: second.value }])
      expect(FolderIndex.load(store, id)).toBeUndefined()
    }),
  )
})
