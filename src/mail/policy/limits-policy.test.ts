import { describe, expect, it } from 'vitest'
import { newWorld } from '../../../test/support/mail-stage.ts'
import { monoMs } from '../../base/time.ts'
import { LimitsPolicy } from './limits-policy.ts'
import type { Asked, PolicySession } from './policy.ts'

async function typeOf(asked: Asked): Promise<string> {
  return (await asked)?.type ?? 'accept'
}

const HOUR_MS = 3_600_000

function sessionOf(user: string | undefined, peer = '172.21.0.4'): PolicySession {
  return { id: 'S1', service: 'smtp', peer, helo: 'c', user }
}

describe('LimitsPolicy', () => {
  it('lets a user send so many mails an hour, and more as the hour goes by', async () => {
    const world = newWorld()
    const limits = new LimitsPolicy({ perUser: { mailsPerHour: 2 } }, world)
    const ann = sessionOf('ann')
    const types = async (): Promise<string> => await typeOf(limits.mail(ann))
    expect([await types(), await types(), await types()]).toEqual(['accept', 'accept', 'defer'])
    expect(await typeOf(limits.mail(sessionOf('bob')))).toBe('accept')
    expect(await typeOf(limits.mail(sessionOf(undefined)))).toBe('accept')
    await world.run(monoMs(HOUR_MS / 2))
    expect([await types(), await types()]).toEqual(['accept', 'defer'])
  })

  it('counts recipients and bytes, of a peer by its address or its IPv6 network', async () => {
    const perPeer = { recipientsPerHour: 1, bytesPerHour: 100 }
    const limits = new LimitsPolicy({ perPeer }, newWorld())
    const one = sessionOf(undefined, '2001:db8::1')
    const neighbour = sessionOf(undefined, '2001:db8::2')
    const other = sessionOf(undefined, '2001:db8:0:1::1')
    expect(await typeOf(limits.recipient(one))).toBe('accept')
    expect(await limits.recipient(neighbour)).toMatchObject({ reply: { code: 450 } })
    expect(await typeOf(limits.recipient(other))).toBe('accept')
    expect(await typeOf(limits.endOfData(one, {}, { sizeBytes: 60 }))).toBe('accept')
    expect(await typeOf(limits.endOfData(one, {}, { sizeBytes: 60 }))).toBe('defer')
    // Nobody can ever send one that is larger than the allowance otherwise.
    expect(await typeOf(limits.endOfData(other, {}, { sizeBytes: 1000 }))).toBe('accept')
    expect(await typeOf(limits.mail(other))).toBe('defer')
  })

  it('has no more sessions of one user at a time than its bound, whatever hosts they come from', async () => {
    const limits = new LimitsPolicy({ perUser: { sessions: 1 } }, newWorld())
    const first = sessionOf('ann', '10.0.0.1')
    const second = sessionOf('Ann', '10.0.0.2')
    expect(await typeOf(limits.authenticated(first))).toBe('accept')
    expect(await typeOf(limits.authenticated(second))).toBe('defer')
    limits.ended(first)
    expect(await typeOf(limits.authenticated(second))).toBe('accept')
  })

  it('remembers no more senders than its bound, those that sent last', async () => {
    const limits = new LimitsPolicy({ perUser: { mailsPerHour: 1 } }, newWorld(), 2)
    for (const user of ['ann', 'bob', 'eve']) await limits.mail(sessionOf(user))
    expect(await typeOf(limits.mail(sessionOf('eve')))).toBe('defer')
    expect(await typeOf(limits.mail(sessionOf('ann')))).toBe('accept')
  })
})
