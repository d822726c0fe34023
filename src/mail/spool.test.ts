import { describe, expect, it } from 'vitest'
import { concat, equalBytes, fromUtf8, toUtf8 } from '../base/bytes.ts'
import { Fault } from '../base/fault.ts'
import { wallMs } from '../base/time.ts'
import { LabStore } from '../lab/store.ts'
import type { Store } from '../ports/store.ts'
import { CHUNK_BYTES_MAX } from './limits.ts'
import { Spool, type SpoolDraft } from './spool.ts'
import { decodeEnvelope, type Envelope, SPOOL_TABLE, statusChange } from './spool-record.ts'

const LIMITS = { bytesMax: 1_000_000, messagesMax: 3 }

const HEAD: Pick<Envelope, 'from' | 'acceptedAt' | 'recipients'> = {
  from: { reversePath: { localPart: 'ädä', domain: 'a.com' }, parameters: { body: '8BITMIME' } },
  acceptedAt: wallMs(1_795_420_800_000),
  recipients: [{ localPart: 'user', domain: 'mail-2.a.com' }],
}

/** Notes the size of each commit, and can refuse them. */
function watched(store: LabStore): { store: Store; commits: number[]; refuse: boolean } {
  const watch = {
    commits: [] as number[],
    refuse: false,
    store: {
      get: (table, key) => store.get(table, key),
      range: (table, range) => store.range(table, range),
      keys: (table, range) => store.keys(table, range),
      commit: async (changes) => {
        if (watch.refuse) throw new Fault('store/full', 'full', { temporary: true })
        watch.commits.push(changes.length)
        await store.commit(changes)
      },
      close: () => store.close(),
    } as Store,
  }
  return watch
}

function keys(store: Store): readonly string[] {
  return [...store.keys(SPOOL_TABLE, {})]
}

async function accept(draft: SpoolDraft, body: Uint8Array): Promise<Envelope> {
  await draft.write(body)
  return draft.commit(HEAD, [])
}

describe('Spool', () => {
  it('a small mail is one commit, with what was put alongside', async () => {
    const watch = watched(new LabStore())
    const draft = new Spool(watch.store, LIMITS).draft('ID')
    await draft.write(fromUtf8('Hello'))
    await draft.commit(HEAD, [{ table: 'other', key: 'k', value: fromUtf8('v') }])
    expect(watch.commits).toEqual([3])
    expect(keys(watch.store)).toEqual(['b/ID/00000000', 'e/ID'])
    expect(toUtf8(watch.store.get('other', 'k') ?? fromUtf8(''))).toBe('v')
  })

  it('a large mail is cut into chunks, and read back as it was', async () => {
    const watch = watched(new LabStore())
    const spool = new Spool(watch.store, LIMITS)
    const body = Uint8Array.from({ length: 2 * CHUNK_BYTES_MAX + 10 }, (_, i) => i % 251)
    const draft = spool.draft('ID')
    for (let at = 0; at < body.length; at += 100_000) {
      await draft.write(body.slice(at, at + 100_000))
    }
    expect(keys(watch.store)).toEqual(['b/ID/00000000', 'b/ID/00000001'])
    const envelope = await draft.commit(HEAD, [])
    const chunks = [...spool.chunks(envelope)]
    for (const chunk of chunks) expect(chunk.length).toBeLessThanOrEqual(CHUNK_BYTES_MAX)
    expect(equalBytes(concat(...chunks), body)).toBe(true)
  })

  it('what is put above a mail at its end stands there, counts, and survives', async () => {
    const store = new LabStore()
    const spool = new Spool(store, LIMITS)
    const draft = spool.draft('ID')
    await draft.write(fromUtf8('Hello'))
    draft.prepend(fromUtf8('X: \u00e4\r\n'))
    const envelope = await draft.commit(HEAD, [])
    expect([envelope.sizeBytes, spool.bytes]).toEqual([12, 12])
    const again = new Spool(store, LIMITS)
    const [mail] = [...(await again.open())]
    expect(mail?.envelope).toEqual(envelope)
    expect(toUtf8(concat(...again.chunks(envelope)))).toBe('X: \u00e4\r\nHello')
    expect(toUtf8(again.beginning(envelope))).toBe('X: \u00e4\r\nHello')
    const full = again.draft('full')
    expect(() => full.prepend(new Uint8Array(1_000_000))).toThrow('full')
  })

  it('the envelope is read back as it was', async () => {
    const store = new LabStore()
    const spool = new Spool(store, LIMITS)
    const envelope = await accept(spool.draft('ID'), fromUtf8('x'))
    expect(spool.envelope('ID')).toEqual(envelope)
    expect(decodeEnvelope(store.get(SPOOL_TABLE, 'e/ID') ?? fromUtf8(''))).toEqual(envelope)
  })

  it('an abandoned mail leaves nothing behind, in the store or of the bound', async () => {
    const store = new LabStore()
    const spool = new Spool(store, LIMITS)
    const draft = spool.draft('ID')
    await draft.write(new Uint8Array(CHUNK_BYTES_MAX + 1))
    await draft.abort()
    await draft.abort()
    expect(keys(store)).toEqual([])
    expect([spool.bytes, spool.messages]).toEqual([0, 0])
  })

  it('refuses for now what would exceed its bytes', async () => {
    const spool = new Spool(new LabStore(), LIMITS)
    const draft = spool.draft('ID')
    await draft.write(new Uint8Array(900_000))
    await expect(draft.write(new Uint8Array(100_001))).rejects.toMatchObject({
      code: 'mail/spool-full',
      temporary: true,
    })
    await draft.abort()
    expect(() => spool.requireRoom(1_000_000)).not.toThrow()
    expect(() => spool.requireRoom(1_000_001)).toThrow('full')
  })

  it('refuses for now what would exceed its messages, and takes a report all the same', async () => {
    const spool = new Spool(new LabStore(), LIMITS)
    for (const id of ['A', 'B', 'C']) await accept(spool.draft(id), fromUtf8('x'))
    expect(() => spool.draft('D')).toThrow('full')
    const report = await accept(spool.draft('D', 'report'), new Uint8Array(1_000_000))
    expect(spool.messages).toBe(4)
    await spool.commit(spool.removal(report))
    spool.removed(report)
    expect([spool.messages, spool.bytes]).toEqual([3, 3])
  })

  it('has the room again of a mail that the store refused', async () => {
    const watch = watched(new LabStore())
    const spool = new Spool(watch.store, LIMITS)
    const draft = spool.draft('ID')
    await draft.write(fromUtf8('Hello'))
    watch.refuse = true
    await expect(draft.commit(HEAD, [])).rejects.toMatchObject({ code: 'store/full' })
    await draft.abort()
    expect([spool.messages, spool.bytes]).toEqual([0, 0])
  })

  it('finds after a restart what was accepted, and clears away the chunks of what was not', async () => {
    const store = new LabStore()
    const before = new Spool(store, LIMITS)
    await accept(before.draft('A'), fromUtf8('Hello'))
    await before.draft('B').write(new Uint8Array(CHUNK_BYTES_MAX + 1))
    await store.commit([
      statusChange('A', 0, { type: 'placing', placements: [{ name: 'x', to: 'new/x' }] }),
      statusChange('C', 0, { type: 'settled' }),
    ])
    const after = new Spool(new LabStore({}, store.crash()), LIMITS)
    const [mail, ...others] = [...(await after.open())]
    expect(others).toEqual([])
    expect(mail?.envelope.queueId).toBe('A')
    expect(mail?.statuses.get(0)).toEqual({
      type: 'placing',
      placements: [{ name: 'x', to: 'new/x' }],
    })
    expect([after.bytes, after.messages]).toEqual([5, 1])
  })

  it('the leftovers of a crash are gone from the store', async () => {
    const store = new LabStore()
    await new Spool(store, LIMITS).draft('B').write(new Uint8Array(CHUNK_BYTES_MAX + 1))
    expect(keys(store)).toEqual(['b/B/00000000'])
    await new Spool(store, LIMITS).open()
    expect(keys(store)).toEqual([])
  })

  it('recovery reads no bodies', async () => {
    const store = new LabStore()
    const spool = new Spool(store, LIMITS)
    await accept(spool.draft('A'), fromUtf8('Hello'))
    const values: string[] = []
    const noting: Store = {
      get: (table, key) => {
        values.push(key)
        return store.get(table, key)
      },
      range: function* (table, range) {
        for (const entry of store.range(table, range)) {
          values.push(entry.key)
          yield entry
        }
      },
      keys: (table, range) => store.keys(table, range),
      commit: (changes) => store.commit(changes),
      close: () => store.close(),
    }
    await new Spool(noting, LIMITS).open()
    expect(values).toEqual(['e/A'])
  })

  it('says so when the store has lost a part of a message', async () => {
    const store = new LabStore()
    const spool = new Spool(store, LIMITS)
    const envelope = await accept(spool.draft('A'), fromUtf8('Hello'))
    await store.commit([{ table: SPOOL_TABLE, key: 'b/A/00000000', value: undefined }])
    expect(() => [...spool.chunks(envelope)]).toThrow('missing')
  })
})
