import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromLatin1, toLatin1 } from '../../base/bytes.ts'
import { addMs, monoMs } from '../../base/time.ts'
import { SmtpClient, type SmtpClientEvent, type SmtpClientOptions } from './client.ts'
import type { Mailbox, MailFrom } from './envelope.ts'
import { CLIENT_TIMEOUTS_MS } from './limits.ts'

const T0 = monoMs(500)
const FROM: MailFrom = { reversePath: { localPart: 'a', domain: 'a.com' }, parameters: {} }
const B: Mailbox = { localPart: 'b', domain: 'b.com' }
const C: Mailbox = { localPart: 'c', domain: 'b.com' }
const OPTIONS: SmtpClientOptions = { hostname: 'client.a.com' }
const WITH_CREDENTIALS: SmtpClientOptions = {
  ...OPTIONS,
  credentials: { user: 'user', password: '123456' },
}

type Effect = ReturnType<SmtpClient['handle']>[number]

/** A session played by hand: `server` says what the server says, and hears the answer. */
class Play {
  readonly client: SmtpClient
  now = T0
  readonly heard: Exclude<Effect, { type: 'send' }>[] = []

  constructor(options: SmtpClientOptions = OPTIONS) {
    this.client = new SmtpClient(options)
    this.tell({ type: 'connected' })
  }

  /** What is sent in return. */
  tell(event: Parameters<SmtpClient['handle']>[0]): string {
    let sent = ''
    for (const effect of this.client.handle(event, this.now)) {
      if (effect.type === 'send') sent += toLatin1(effect.bytes)
      else this.heard.push(effect)
    }
    return sent
  }

  server(...lines: string[]): string {
    const text = lines.map((line) => `${line}\r\n`).join('')
    return this.tell({ type: 'bytes', bytes: fromLatin1(text) })
  }

  mail(from: MailFrom = FROM, recipients: readonly Mailbox[] = [B, C]): string {
    return this.tell({ type: 'mail', from, recipients })
  }

  body(text: string): string {
    return this.tell({ type: 'body', bytes: fromLatin1(text) })
  }

  /** What was heard since the last call, by type. */
  types(): string[] {
    return this.heard.splice(0).map(({ type }) => type)
  }
}

/** Ready for a mail. */
function ready(extensions: readonly string[] = [], options = OPTIONS): Play {
  const play = new Play(options)
  play.server('220 b.com ESMTP')
  const lines = ['b.com', ...extensions]
  play.server(...lines.map((line, i) => `250${i < lines.length - 1 ? '-' : ' '}${line}`))
  return play
}

describe('opening (RFC 5321 §3.1, §3.2)', () => {
  test('nothing is said before the greeting', () => {
    const play = new Play()
    expect(play.server('220-b.com ESMTP', '220 welcome')).toBe('EHLO client.a.com\r\n')
    expect(play.server('250 b.com')).toBe('')
    expect(play.types()).toEqual(['ready'])
  })

  test('a server that does not know EHLO is told HELO', () => {
    const play = new Play()
    play.server('220 b.com')
    expect(play.server('500 what?')).toBe('HELO client.a.com\r\n')
    play.server('250 b.com')
    expect(play.types()).toEqual(['ready'])
  })

  test.each([
    ['554 no', false],
    ['450 later', true],
  ])('a greeting %j ends the session, after QUIT', (greeting, temporary) => {
    const play = new Play()
    expect(play.server(greeting)).toBe('QUIT\r\n')
    expect(play.heard).toMatchObject([
      { type: 'failed', fault: { code: 'smtp/refused', temporary }, reply: {} },
      { type: 'close' },
    ])
  })

  test('a server that refuses both names has no use for us', () => {
    const play = new Play()
    play.server('220 b.com')
    play.server('502 no EHLO')
    expect(play.server('550 no HELO')).toBe('QUIT\r\n')
    expect(play.types()).toEqual(['failed', 'close'])
  })
})

describe('AUTH (RFC 2554 §4)', () => {
  test('PLAIN is preferred and carries its response', () => {
    const play = new Play(WITH_CREDENTIALS)
    play.server('220 b.com')
    expect(play.server('250-b.com', '250 AUTH LOGIN PLAIN')).toBe('AUTH PLAIN AHVzZXIAMTIzNDU2\r\n')
    play.server('235 2.7.0 fine')
    expect(play.types()).toEqual(['ready'])
  })

  test('LOGIN answers two challenges, whatever they say', () => {
    const play = new Play(WITH_CREDENTIALS)
    play.server('220 b.com')
    expect(play.server('250-b.com', '250 AUTH LOGIN')).toBe('AUTH LOGIN\r\n')
    expect(play.server('334 VXNlcm5hbWU6')).toBe('dXNlcg==\r\n')
    expect(play.server('334 anything')).toBe('MTIzNDU2\r\n')
    play.server('235 fine')
    expect(play.types()).toEqual(['ready'])
  })

  test('a server that offers none of ours, or that refuses, ends the session', () => {
    const none = ready(['AUTH CRAM-MD5'], WITH_CREDENTIALS)
    expect(none.heard[0]).toMatchObject({ fault: { code: 'smtp/no-authentication' } })
    const refusing = ready(['AUTH PLAIN'], WITH_CREDENTIALS)
    expect(refusing.server('535 5.7.8 no')).toBe('QUIT\r\n')
    expect(refusing.heard[0]).toMatchObject({
      fault: { code: 'smtp/authentication-failed', temporary: false },
      reply: { code: 535 },
    })
  })

  test('a challenge too many is not answered', () => {
    const play = ready(['AUTH PLAIN'], WITH_CREDENTIALS)
    expect(play.server('334 more')).toBe('')
    expect(play.heard[0]).toMatchObject({ fault: { code: 'smtp/bad-reply' } })
  })
})

describe('a mail without PIPELINING (RFC 5321 §4.3.1)', () => {
  test('what is sent is not the body itself, which was only borrowed', () => {
    const play = ready(['PIPELINING'])
    play.mail(FROM, [B])
    play.server('250 ok', '250 ok', '354 go on')
    const body = fromLatin1('Hello\r\n')
    const [sent] = play.client.handle({ type: 'body', bytes: body }, play.now)
    body.fill(0)
    expect(sent?.type === 'send' && toLatin1(sent.bytes)).toBe('Hello\r\n')
  })

  test('what is known to be last goes together with the end', () => {
    const play = ready(['PIPELINING'])
    play.mail(FROM, [B])
    play.server('250 ok', '250 ok', '354 go on')
    const last = { type: 'body', bytes: fromLatin1('Hello\r\n'), isLast: true } as const
    expect(play.tell(last)).toBe('Hello\r\n.\r\n')
    const { deadline } = play.client
    play.now = addMs(play.now, 1000)
    expect(play.tell({ type: 'drained' })).toBe('')
    expect(play.client.deadline).toBe(addMs(deadline ?? play.now, 1000))
    play.types()
    play.server('250 taken')
    expect(play.types()).toEqual(['settled', 'ready'])
  })

  test('each command waits for its reply also where PIPELINING is offered and not wanted', () => {
    const play = ready(['PIPELINING'], { ...OPTIONS, pipelining: 'never' })
    expect(play.mail()).toBe('MAIL FROM:<a@a.com>\r\n')
    expect(play.server('250 ok')).toBe('RCPT TO:<b@b.com>\r\n')
  })

  test('each command waits for its reply', () => {
    const play = ready()
    expect(play.mail()).toBe('MAIL FROM:<a@a.com>\r\n')
    expect(play.server('250 ok')).toBe('RCPT TO:<b@b.com>\r\n')
    expect(play.server('250 ok')).toBe('RCPT TO:<c@b.com>\r\n')
    expect(play.server('250 ok')).toBe('DATA\r\n')
    expect(play.server('354 go')).toBe('')
    expect(play.types()).toEqual(['ready', 'more-body'])
    expect(play.body('.dot\r\nte')).toBe('..dot\r\nte')
    expect(play.types()).toEqual([])
    play.tell({ type: 'drained' })
    expect(play.types()).toEqual(['more-body'])
    expect(play.body('xt\r\n')).toBe('xt\r\n')
    play.tell({ type: 'drained' })
    expect(play.tell({ type: 'body-end' })).toBe('.\r\n')
    play.heard.length = 0
    play.server('250 2.0.0 Ok: queued')
    const reply = { code: 250, enhanced: '2.0.0', lines: ['Ok: queued'] }
    expect(play.heard).toMatchObject([
      { type: 'settled', replies: [reply, reply] },
      { type: 'ready' },
    ])
  })

  test('a refused sender settles the mail', () => {
    const play = ready()
    play.mail()
    expect(play.server('550 5.7.1 no')).toBe('')
    const reply = { code: 550, enhanced: '5.7.1', lines: ['no'] }
    expect(play.heard.slice(1)).toMatchObject([
      { type: 'settled', replies: [reply, reply] },
      { type: 'ready' },
    ])
    expect(play.mail()).toBe('MAIL FROM:<a@a.com>\r\n')
  })

  test('without any recipient there is no DATA, and the next mail begins with RSET', () => {
    const play = ready()
    play.mail()
    play.server('250 ok')
    play.server('550 b')
    expect(play.server('450 c')).toBe('')
    expect(play.heard[1]).toEqual({
      type: 'settled',
      replies: [
        { code: 550, lines: ['b'] },
        { code: 450, lines: ['c'] },
      ],
    })
    expect(play.mail()).toBe('RSET\r\n')
    expect(play.server('250 ok')).toBe('MAIL FROM:<a@a.com>\r\n')
  })

  test('parameters are sent only where the server offers their extension (RFC 5321 §4.1.1.11)', () => {
    const from: MailFrom = { ...FROM, parameters: { sizeBytes: 7, body: '8BITMIME' } }
    expect(ready().mail(from)).toBe('MAIL FROM:<a@a.com>\r\n')
    expect(ready(['size']).mail(from)).toBe('MAIL FROM:<a@a.com> SIZE=7\r\n')
    expect(ready(['SIZE 100', '8BITMIME']).mail(from)).toBe(
      'MAIL FROM:<a@a.com> SIZE=7 BODY=8BITMIME\r\n',
    )
  })
})

describe('a mail with PIPELINING (RFC 2920 §3.1)', () => {
  const GROUP = 'MAIL FROM:<a@a.com>\r\nRCPT TO:<b@b.com>\r\nRCPT TO:<c@b.com>\r\nDATA\r\n'

  test('the envelope leaves as one group', () => {
    expect(ready(['PIPELINING']).mail()).toBe(GROUP)
  })

  test('recipients that are refused do not hinder the others', () => {
    const play = ready(['PIPELINING'])
    play.mail()
    play.server('250 ok', '550 5.1.1 no b', '250 ok', '354 go')
    play.tell({ type: 'body-end' })
    play.server('250 done')
    expect(play.heard.slice(-2)).toMatchObject([
      {
        type: 'settled',
        replies: [
          { code: 550, enhanced: '5.1.1', lines: ['no b'] },
          { code: 250, lines: ['done'] },
        ],
      },
      { type: 'ready' },
    ])
  })

  test('a refused sender is what counts, not what follows from it', () => {
    const play = ready(['PIPELINING'])
    play.mail()
    play.server('451 4.3.0 no', '503 x', '503 x', '503 x')
    const reply = { code: 451, enhanced: '4.3.0', lines: ['no'] }
    expect(play.heard[1]).toEqual({ type: 'settled', replies: [reply, reply] })
    expect(play.mail()).toBe(GROUP)
  })

  test('354 although nobody was accepted is answered by a single dot', () => {
    const play = ready(['PIPELINING'])
    play.mail()
    expect(play.server('250 ok', '550 b', '550 c', '354 go')).toBe('.\r\n')
    play.server('250 thank you')
    expect(play.heard[1]).toMatchObject({ replies: [{ code: 550 }, { code: 550 }] })
    expect(play.mail()).toBe(GROUP)
  })

  test('a refused DATA settles the mail, and RSET goes before the next group', () => {
    const play = ready(['PIPELINING'])
    play.mail()
    play.server('250 ok', '550 no b', '250 ok', '451 4.3.0 later')
    expect(play.heard[1]).toMatchObject({ replies: [{ code: 550 }, { code: 451 }] })
    expect(play.mail()).toBe(`RSET\r\n${GROUP}`)
    play.server('250 reset', '250 ok', '250 ok', '250 ok', '354 go')
    expect(play.types().at(-1)).toBe('more-body')
  })

  test('several mails go over one session', () => {
    const play = ready(['PIPELINING'])
    for (let i = 0; i < 3; i++) {
      expect(play.mail()).toBe(GROUP)
      play.server('250 ok', '250 ok', '250 ok', '354 go')
      play.tell({ type: 'body-end' })
      play.server('250 done')
      expect(play.types().slice(-2)).toEqual(['settled', 'ready'])
    }
    expect(play.tell({ type: 'quit' })).toBe('QUIT\r\n')
    play.server('221 bye')
    expect(play.types()).toEqual(['finished', 'close'])
  })
})

describe('trouble', () => {
  test.each([
    ['421 4.3.2 closing', 'smtp/refused', true],
    ['what?', 'smtp/bad-reply', true],
    ['354 go', 'smtp/bad-reply', true],
  ])('%j to MAIL ends the session', (reply, code, temporary) => {
    const play = ready()
    play.mail()
    play.server(reply)
    expect(play.heard.slice(1)).toMatchObject([
      { type: 'failed', fault: { code, temporary } },
      { type: 'close' },
    ])
  })

  test('250 to DATA is not taken for an accepted mail', () => {
    const play = ready(['PIPELINING'])
    play.mail()
    play.server('250 ok', '250 ok', '250 ok', '250 ok')
    expect(play.types()).toEqual(['ready', 'failed', 'close'])
  })

  test('a refusal in the middle of the message ends the session', () => {
    const play = ready(['PIPELINING'])
    play.mail()
    play.server('250 ok', '250 ok', '250 ok', '354 go')
    play.body('x')
    expect(play.server('552 5.3.4 too big')).toBe('')
    expect(play.heard.at(-2)).toMatchObject({
      type: 'failed',
      fault: { code: 'smtp/refused', temporary: false },
      reply: { code: 552 },
    })
  })

  test('a reply that nothing asked for ends the session', () => {
    const play = ready()
    play.server('250 hello')
    expect(play.heard[1]).toMatchObject({ fault: { code: 'smtp/bad-reply', temporary: true } })
  })

  test('a lost connection ends the session; after QUIT it was to be expected', () => {
    const play = ready()
    play.tell({ type: 'ended' })
    expect(play.heard[1]).toMatchObject({
      fault: { code: 'smtp/connection-lost', temporary: true },
    })
    const quitting = ready()
    quitting.tell({ type: 'quit' })
    quitting.tell({ type: 'ended' })
    expect(quitting.types()).toEqual(['ready', 'finished', 'close'])
  })

  test('a piece of nothing needs no waiting', () => {
    const play = ready(['PIPELINING'])
    play.mail()
    play.server('250 ok', '250 ok', '250 ok', '354 go')
    play.types()
    expect(play.body('')).toBe('')
    expect(play.types()).toEqual(['more-body'])
  })
})

describe('patience (RFC 5321 §4.5.3.2)', () => {
  function deadlineAfter(play: Play): number | undefined {
    const { deadline } = play.client
    return deadline === undefined ? undefined : deadline - play.now
  }

  test('each wait has its own time, and none runs while it is our turn', () => {
    const play = new Play()
    expect(deadlineAfter(play)).toBe(CLIENT_TIMEOUTS_MS.greeting)
    play.server('220 b.com')
    expect(deadlineAfter(play)).toBe(CLIENT_TIMEOUTS_MS.command)
    play.server('250-b.com', '250 PIPELINING')
    expect(deadlineAfter(play)).toBeUndefined()
    play.mail()
    play.server('250 ok', '250 ok', '250 ok')
    expect(deadlineAfter(play)).toBe(CLIENT_TIMEOUTS_MS.dataInitiation)
    play.server('354 go')
    expect(deadlineAfter(play)).toBeUndefined()
    play.body('x')
    expect(deadlineAfter(play)).toBe(CLIENT_TIMEOUTS_MS.dataBlock)
    play.tell({ type: 'drained' })
    play.tell({ type: 'body-end' })
    expect(deadlineAfter(play)).toBe(CLIENT_TIMEOUTS_MS.dataTermination)
  })

  test('half a reply does not prolong it', () => {
    const play = new Play()
    const { deadline } = play.client
    play.now = addMs(T0, 1000)
    play.tell({ type: 'bytes', bytes: fromLatin1('22') })
    expect(play.client.deadline).toBe(deadline)
  })

  test('a connection that is gone is waited for no longer', () => {
    const play = new Play()
    play.tell({ type: 'ended' })
    expect(play.client.deadline).toBeUndefined()
  })

  test('a handshake crosses the link more than once', () => {
    const play = ready(['STARTTLS'], { ...OPTIONS, tls: 'required', roundTripMs: 1_200_000 })
    play.server('220 go ahead')
    expect(deadlineAfter(play)).toBe(CLIENT_TIMEOUTS_MS.command + 3 * 1_200_000)
  })

  test('a link with a long delay is given more time', () => {
    const play = new Play({ ...OPTIONS, roundTripMs: 3_300_000 })
    expect(deadlineAfter(play)).toBe(3_600_000)
    play.now = addMs(T0, 3_599_999)
    play.tell({ type: 'tick' })
    expect(play.types()).toEqual([])
    play.now = addMs(T0, 3_600_000)
    play.tell({ type: 'tick' })
    expect(play.heard[0]).toMatchObject({ fault: { code: 'smtp/timed-out', temporary: true } })
    expect(play.client.deadline).toBeUndefined()
  })
})

test('property: no bytes make the machine throw, and it always ends in at most one way', () => {
  const chunk = fc.oneof(
    fc.stringMatching(/^(?:[2-5][0-5]\d[ -][ -~]{0,9}\r\n){1,5}$/),
    fc.constantFrom(
      '220 x\r\n250-x\r\n250-AUTH PLAIN\r\n250 PIPELINING\r\n',
      '354 x\r\n',
      '250 x\r\n',
    ),
    fc.string({ unit: 'binary-ascii' }),
  )
  fc.assert(
    fc.property(fc.boolean(), fc.array(chunk), (credentials, chunks) => {
      const client = new SmtpClient(credentials ? WITH_CREDENTIALS : OPTIONS)
      let ends = 0
      let mails = 0
      const inbox: Parameters<SmtpClient['handle']>[0][] = [
        { type: 'connected' },
        ...chunks.map((text) => ({ type: 'bytes' as const, bytes: fromLatin1(text) })),
        { type: 'ended' },
      ]
      for (let event = inbox.shift(); event !== undefined; event = inbox.shift()) {
        const effects = client.handle(event, T0)
        // Whoever answers `ready` or `more-body` learns first that the session is over.
        const over = effects.some(({ type }) => type === 'close')
        for (const effect of effects) {
          if (effect.type === 'failed' || effect.type === 'finished') ends++
          if (effect.type === 'settled') expect(effect.replies).toHaveLength(2)
          if (!over) inbox.unshift(...answer(effect, mails))
          if (effect.type === 'ready') mails++
        }
      }
      expect(ends).toBe(1)
    }),
  )
})

function answer(effect: Effect, mails: number): SmtpClientEvent[] {
  if (effect.type === 'more-body') return [{ type: 'body-end' }]
  if (effect.type !== 'ready') return []
  return mails < 2 ? [{ type: 'mail', from: FROM, recipients: [B, C] }] : [{ type: 'quit' }]
}
