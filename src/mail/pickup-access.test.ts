import { describe, expect, it } from 'vitest'
import { pass } from '../../test/support/mail-stage.ts'
import { type Bench, bench, FAR, NEAR } from '../../test/support/smtp-bench.ts'
import { toBase64 } from '../base/bytes.ts'
import { Fault } from '../base/fault.ts'
import type { LocalUsers } from '../ports/local-users.ts'
import { PICKUP_SESSIONS_PER_USER_MAX } from './limits.ts'
import { PickupAccess, type PickupOptions } from './pickup-access.ts'
import { LimitsPolicy } from './policy/limits-policy.ts'

const SOCKET = '/run/lightlag/2.submit'

/** Whoever says that he is `ann` is. */
const ANN: LocalUsers = {
  superusers: [],
  isOwner: async (_session, socket, user) => socket === SOCKET && user === 'ann',
}

function pickup(options: PickupOptions = {}, users: LocalUsers = ANN): Promise<Bench> {
  return bench('pickup', {}, {}, () => [], new PickupAccess(options, SOCKET, users))
}

const external = (user: string): string => `AUTH EXTERNAL ${toBase64(Buffer.from(user))}`

describe('mail of programs of the same machine', () => {
  it('is taken from anybody for anybody, and says who it is from where that was shown', async () => {
    const { stage, connect, say } = await pickup()
    const stream = connect(SOCKET)
    const hello = await say(stream, 'EHLO localhost')
    expect(hello).toContain('250-AUTH EXTERNAL\r\n')
    expect(hello).toMatch(/250 XOWNER \w{16}\r\n$/)
    expect(hello).not.toContain('STARTTLS')
    expect(await say(stream, external('ann'))).toBe('235 2.7.0 Authentication successful\r\n')
    await say(stream, `MAIL FROM:<ann@mail-1.a.com>`, `RCPT TO:<${FAR}>`, 'DATA')
    expect(await say(stream, 'Subject: hi', '', 'Hello', '.')).toMatch(/^250 2\.0\.0 Ok: queued/)
    await pass(stage, 0)
    expect(stage.sent[0]).toContain(
      'Received: by mail-1.a.com (Lightlag, from user ann) with LOCAL id',
    )
    expect(stage.sent[0]).toContain('Message-ID: ')
    expect(stage.events.find(({ type }) => type === 'mail-accepted')).toMatchObject({
      via: 'pickup',
      client: { service: 'pickup', user: 'ann' },
    })
    const other = connect(SOCKET)
    await say(other, 'EHLO localhost', 'MAIL FROM:<>', `RCPT TO:<${FAR}>`, 'DATA')
    expect(await say(other, '', 'Hello', '.')).toMatch(/^250 /)
  })

  it('is not of whom it says where that was not shown (535), or cannot be told (454)', async () => {
    const { connect, say } = await pickup()
    const stream = connect(SOCKET)
    expect(await say(stream, 'EHLO c', external('bob'))).toMatch(/535 5\.7\.8 .*\r\n$/)
    expect(await say(stream, 'AUTH EXTERNAL =')).toMatch(/^535 /)
    expect(await say(stream, 'AUTH PLAIN AGFubgB4')).toMatch(/^504 /)
    const broken = await pickup({}, { ...ANN, isOwner: () => Promise.reject(fault()) })
    expect(await broken.say(broken.connect(SOCKET), 'EHLO c', external('ann'))).toMatch(
      /454 4\.7\.0 /,
    )
  })

  it('is only for the users who may, where they are named', async () => {
    const { connect, say } = await pickup({ users: ['root'] })
    const stream = connect(SOCKET)
    expect(await say(stream, 'EHLO c', 'MAIL FROM:<>')).toMatch(
      /550 5\.7\.1 A user who is not known is not allowed to submit mail\r\n$/,
    )
    expect(await say(stream, external('ann'), 'MAIL FROM:<>')).toMatch(
      /550 5\.7\.1 User ann is not allowed to submit mail\r\n$/,
    )
    const allowed = await pickup({ users: ['ann'] })
    const own = allowed.connect(SOCKET)
    expect(await allowed.say(own, 'EHLO c', external('ann'), 'MAIL FROM:<>')).toMatch(/250 2\.1\.0/)
  })

  it('may not hold all places as one user, who has them again when his sessions end', async () => {
    const { stage, connect, say } = await pickup()
    const streams = Array.from({ length: PICKUP_SESSIONS_PER_USER_MAX }, () => connect(SOCKET))
    for (const stream of streams) {
      expect(await say(stream, 'EHLO c', external('ann'))).toMatch(/235 2\.7\.0 /)
    }
    const late = connect(SOCKET)
    expect(await say(late, 'EHLO c', external('ann'))).toMatch(/454 4\.7\.0 .*too many sessions/)
    streams[0]?.end()
    await pass(stage, 0)
    expect(await say(late, external('ann'))).toMatch(/^235 /)
  })

  it('meets the policies, by user', async () => {
    const limits = { perUser: { recipientsPerHour: 1 } }
    const { connect, say } = await bench(
      'pickup',
      {},
      {},
      (stage) => [new LimitsPolicy(limits, stage.clock)],
      new PickupAccess({}, SOCKET, ANN),
    )
    const stream = connect(SOCKET)
    await say(stream, 'EHLO c', external('ann'), 'MAIL FROM:<>')
    expect(await say(stream, `RCPT TO:<${NEAR}>`, `RCPT TO:<${FAR}>`)).toMatch(
      /^250 2\.1\.5 Ok\r\n450 4\.7\.1 Error: too many recipients/,
    )
  })
})

function fault(): Fault {
  return new Fault('local-users/unknown', 'no answer', { temporary: true })
}
