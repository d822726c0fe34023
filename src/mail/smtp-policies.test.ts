import { describe, expect, it } from 'vitest'
import { pass } from '../../test/support/mail-stage.ts'
import { bench, NEAR, spooled, TO_NEAR } from '../../test/support/smtp-bench.ts'
import { toLatin1 } from '../base/bytes.ts'
import { Fault } from '../base/fault.ts'
import { HELD_MESSAGE_BYTES_MAX } from './limits.ts'
import { InjectedFaults } from './policy/injected-faults.ts'
import type { Policy, PolicyAnswer, PolicySession } from './policy/policy.ts'

interface Seen {
  /** The beginning of it. */
  readonly text: string
  readonly sizeBytes: number
  readonly of: PolicySession
}

describe('the policies of the SMTP service', () => {
  const seeing = (seen: Seen[]): Policy => ({
    name: 'seeing',
    reader: (session) => {
      let [text, sizeBytes] = ['', 0]
      return {
        push: (bytes) => {
          sizeBytes += bytes.length
          if (text.length < 10_000) text += toLatin1(bytes)
        },
        end: async () => {
          seen.push({ text, sizeBytes, of: session })
          return { type: 'accept', headers: ['X-Seen: yes'] }
        },
      }
    },
  })

  it('see the message before it is delivered, and add headers above it', async () => {
    const seen: Seen[] = []
    const { stage, connect, say } = await bench('smtp', {}, {}, () => [seeing(seen)])
    await say(connect(), ...TO_NEAR, 'Subject: hello', '', 'Hello', '.')
    const [message = ''] = await stage.inbox('user')
    expect(message).toMatch(/\r\nX-Seen: yes\r\nReceived: .*\r\n\r\nHello\r\n$/s)
    expect(seen).toHaveLength(1)
    expect(seen[0]?.text).toMatch(/^Received: .*Hello\r\n$/s)
    expect(seen[0]?.sizeBytes).toBe(seen[0]?.text.length)
    expect(seen[0]?.of).toMatchObject({ peer: '172.21.0.4', helo: 'client.a.com', user: undefined })
  })

  it('see one that is larger than what is held back as it passes into the queue, and add headers above it', async () => {
    const seen: Seen[] = []
    const sizeBytesMax = 2 * HELD_MESSAGE_BYTES_MAX
    const { stage, connect, say } = await bench('smtp', { sizeBytesMax }, {}, () => [seeing(seen)])
    const stream = connect()
    await say(stream, ...TO_NEAR, '')
    const line = 'x'.repeat(998)
    for (let sent = 0; sent < HELD_MESSAGE_BYTES_MAX; sent += 100_000) {
      await say(stream, ...Array.from({ length: 100 }, () => line))
    }
    expect(await say(stream, '.')).toMatch(/^250 /)
    await pass(stage, 1000)
    const [message = '', ...others] = await stage.inbox('user')
    expect(others).toEqual([])
    expect(message.length).toBeGreaterThan(HELD_MESSAGE_BYTES_MAX)
    expect(message).toMatch(/^Return-Path: .*\r\nX-Seen: yes\r\nReceived: /s)
    expect(seen[0]?.sizeBytes).toBe(message.length - message.indexOf('Received'))
    expect(await stage.disk.list('/home/user/Maildir/tmp')).toEqual([])
    expect(spooled(stage)).toEqual([])
  })

  it('refuse with their own words, and what they refused is in the log with their name', async () => {
    const reply = { code: 554, enhanced: '5.7.1', lines: ['not today'] }
    const refusing: Policy = {
      name: 'calendar',
      endOfData: async () => ({ type: 'reject', reply }),
    }
    const { stage, connect, say } = await bench('smtp', {}, {}, () => [refusing])
    const stream = connect()
    await say(stream, ...TO_NEAR)
    expect(await say(stream, 'Hello', '.')).toBe('554 5.7.1 not today\r\n')
    expect(await stage.inbox('user')).toEqual([])
    expect(await stage.disk.list('/home/user/Maildir/tmp')).toEqual([])
    expect(stage.events.find(({ type }) => type === 'command-refused')).toMatchObject({
      reply: '554 5.7.1 not today (policy: calendar)',
    })
  })

  it('defer what one of them cannot judge (451), for a check is not passed by failing it', async () => {
    const failing: Policy = {
      name: 'failing',
      mail: () => Promise.reject(new Fault('test/failed', 'no answer', { temporary: true })),
    }
    const { stage, connect, say } = await bench('smtp', {}, {}, () => [failing])
    const stream = connect()
    await say(stream, 'EHLO c')
    expect(await say(stream, 'MAIL FROM:<ann@b.com>')).toMatch(/^451 4\.3\.0 /)
    expect(stage.events).toContainEqual({
      type: 'trouble',
      where: 'policy failing',
      reason: 'no answer',
    })
  })

  it('are asked about who connects once, and in their order', async () => {
    const asked: string[] = []
    const noting = (name: string): Policy => {
      const note = (question: string) => async (): Promise<PolicyAnswer> => {
        asked.push(`${name} ${question}`)
        return { type: 'accept' }
      }
      return {
        name,
        connect: note('connect'),
        helo: note('helo'),
        mail: note('mail'),
        data: note('data'),
        ended: () => void asked.push(`${name} ended`),
      }
    }
    const { connect, say } = await bench('smtp', {}, {}, () => [noting('a'), noting('b')])
    const stream = connect()
    await say(stream, ...TO_NEAR, 'Hello', '.')
    await say(stream, 'MAIL FROM:<ann@b.com>', 'QUIT')
    stream.end()
    await say(stream)
    const each = (question: string): string[] => [`a ${question}`, `b ${question}`]
    expect(asked).toEqual(['connect', 'helo', 'mail', 'data', 'mail', 'ended'].flatMap(each))
  })

  it('answer 451 to the second RCPT for x@y, late, where a fault is injected, and say so', async () => {
    const { stage, connect, say } = await bench('smtp', {}, {}, ({ clock, events }) => {
      const faults = new InjectedFaults(clock, (event) => void events.push(event))
      const reply = { code: 451, enhanced: '4.3.0', lines: ['on purpose'] }
      faults.replace([
        { at: 'RCPT', recipient: NEAR, from: 2, until: 2, reply, delayMs: 5000 },
        { at: 'MAIL', sender: '*@slow.org', delayMs: 1000 },
      ])
      return [faults]
    })
    expect(stage.events.some((e) => e.type === 'trouble' && e.reason.startsWith('ON'))).toBe(true)
    const stream = connect()
    await say(stream, 'EHLO c', 'MAIL FROM:<ann@b.com>')
    expect(await say(stream, `RCPT TO:<${NEAR}>`)).toMatch(/^250 /)
    expect(await say(stream, `RCPT TO:<${NEAR}>`)).toBe('')
    await pass(stage, 5000)
    expect(stream.heard).toMatch(/451 4\.3\.0 on purpose\r\n$/)
    expect(await say(stream, `RCPT TO:<${NEAR}>`)).toMatch(/^250 /)
    expect(await say(stream, 'RSET', 'MAIL FROM:<ann@slow.org>')).toBe('')
    await pass(stage, 1000)
    expect(stream.heard).toMatch(/250 2\.1\.0 Ok\r\n$/)
  })

  it('a fault that delays for long holds up nobody who stops', async () => {
    let faults: InjectedFaults | undefined
    const { service, connect, say } = await bench('smtp', {}, {}, ({ clock }) => {
      faults = new InjectedFaults(clock, () => {})
      faults.replace([{ at: 'MAIL', delayMs: 86_400_000 }])
      return [faults]
    })
    expect(await say(connect(), 'EHLO c', 'MAIL FROM:<ann@b.com>')).not.toContain('2.1.0')
    faults?.stop()
    await service.stop()
  })
})
