import { describe, expect, it } from 'vitest'
import { newWorld } from '../../../test/support/mail-stage.ts'
import { monoMs } from '../../base/time.ts'
import { LimitsPolicy } from './limits-policy.ts'
import type { PolicySession } from './policy.ts'

const HOUR_MS = 3_600_000

function sessionOf(user: string | undefined, peer = '172.21.0.4'): PolicySession {
  return { id: 'S1', service: 'smtp', peer, helo: 'c', user }
}

describe('LimitsPolicy', () => {
  it('lets a user send so many mails an hour, and more as the hour goes by', async () => {
    const world = newWorld()
    const limits = new LimitsPolicy({ perUser: { mailsPerHour: 2 } }, world)
    const ann = sessionOf('ann')
    const types = async (): Promise<string> => (await limits.mail(ann)).type
    expect([await types(), await types(), await types()]).toEqual(['accept', 'accept', 'defer'])
    expect((await limits.mail(sessionOf('bob'))).type).toBe('accept')
    expect((await limits.mail(sessionOf(undefined))).type).toBe('accept')
    await world.run(monoMs(HOUR_MS / 2))
    expect([await types(), await types()]).toEqual(['accept', 'defer'])
  })

  it('counts recipients and bytes, of a peer by its address or its IPv6 network', async () => {
    const perPeer = { recipientsPerHour: 1, bytesPerHour: 100 }
    const limits = new LimitsPolicy({ perPeer }, newWorld())
    const one = sessionOf(undefined, '2001:db8::1')
    const neighbour = sessionOf(undefined, '2001:db8::2')
    const other = sessionOf(undefined, '2001:db8:0:1::1')
    expect((await limits.recipient(one)).type).toBe('accept')
    expect(await limits.recipient(neighbour)).toMatchObject({ reply: { code: 450 } })
    expect((await limits.recipient(other)).type).toBe('accept')
    expect((await limits.endOfData(one, {}, { sizeBytes: 60 })).type).toBe('accept')
    expect((await limits.endOfData(one, {}, { sizeBytes: 60 })).type).toBe('defer')
    // Nobody can ever send one that is larger than the allowance otherwise.
    expect((await limits.endOfData(other, {}, { sizeBytes: 1000 })).type).toBe('accept')
    expect((await limits.mail(other)).type).toBe('defer')
  })

  it('has no more sessions of one user at a time than its bound, whatever hosts they come from', async () => {
    const limits = new LimitsPolicy({ perUser: { sessions: 1 } }, newWorld())
    const first = sessionOf('ann', '10.0.0.1')
    const second = sessionOf('Ann', '10.0.0.2')
    expect((await limits.authenticated(first)).type).toBe('accept')
    expect((await limits.authenticated(second)).type).toBe('defer')
    limits.ended(first)
    expect((await limits.authenticated(second)).type).toBe('accept')
  })

  it('remembers no more senders than its bound, those that sent last', async () => {
    const limits = new LimitsPolicy({ perUser: { mailsPerHour: 1 } }, newWorld(), 2)
    for (const user of ['ann', 'bob', 'eve']) await limits.mail(sessionOf(user))
    expect((await limits.mail(sessionOf('eve'))).type).toBe('defer')
    expect((await limits.mail(sessionOf('ann'))).type).toBe('accept')
  })
})
