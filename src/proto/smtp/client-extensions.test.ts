import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concat, fromLatin1, fromUtf8, toUtf8 } from '../../base/bytes.ts'
import { Fault } from '../../base/fault.ts'
import { monoMs } from '../../base/time.ts'
import type { TlsSession } from '../../base/tls.ts'
import { SmtpClient, type SmtpClientOptions } from './client.ts'
import type { OutgoingMail } from './client-envelope.ts'
import type { MailParameters } from './envelope.ts'

const T0 = monoMs(0)
const OPTIONS: SmtpClientOptions = { hostname: 'a.com' }
const SESSION: TlsSession = {
  version: 'TLSv1.3',
  cipher: 'TLS_AES_256_GCM_SHA384',
  alpn: undefined,
  serverName: 'b.com',
  peer: undefined,
  channelBinding: { tlsExporter: undefined, tlsServerEndPoint: undefined },
}

type Effect = ReturnType<SmtpClient['handle']>[number]

class Play {
  readonly client: SmtpClient
  readonly heard: Exclude<Effect, { type: 'send' }>[] = []

  constructor(options: SmtpClientOptions) {
    this.client = new SmtpClient(options)
    this.tell({ type: 'connected' })
  }

  tell(event: Parameters<SmtpClient['handle']>[0]): string {
    const sent: Uint8Array[] = []
    for (const effect of this.client.handle(event, T0)) {
      if (effect.type === 'send') sent.push(effect.bytes)
      else this.heard.push(effect)
    }
    return toUtf8(concat(...sent))
  }

  server(...lines: string[]): string {
    return this.tell({ type: 'bytes', bytes: fromLatin1(lines.map((l) => `${l}\r\n`).join('')) })
  }

  types(): string[] {
    return this.heard.splice(0).map(({ type }) => type)
  }
}

function greeted(extensions: readonly string[], options = OPTIONS): Play {
  const play = new Play(options)
  play.server('220 b.com')
  play.server(...[...extensions.map((line) => `250-${line}`), '250 b.com'])
  return play
}

/** The first line of a reply to EHLO is a name. */
function ready(extensions: readonly string[], options = OPTIONS): Play {
  return greeted(['b.com', ...extensions], options)
}

function mailOf(parameters: MailParameters, ...recipients: string[]): OutgoingMail {
  const names = recipients.length > 0 ? recipients : ['b']
  return {
    from: { reversePath: { localPart: 'a', domain: 'a.com' }, parameters },
    recipients: names.map((localPart) => ({ localPart, domain: 'b.com' })),
  }
}

function repliesOf(play: Play): readonly (string | undefined)[] {
  return play.heard.flatMap((effect) =>
    effect.type === 'settled' ? effect.replies.map(({ enhanced }) => enhanced) : [],
  )
}

describe('STARTTLS (RFC 3207 §4)', () => {
  const OFFERED: SmtpClientOptions = { ...OPTIONS, tls: 'offered' }
  const REQUIRED: SmtpClientOptions = { ...OPTIONS, tls: 'required' }

  test('is used where it is offered, and all begins anew after it', () => {
    const play = new Play(OFFERED)
    play.server('220 b.com')
    expect(play.server('250-b.com', '250-PIPELINING', '250 STARTTLS')).toBe('STARTTLS\r\n')
    expect(play.server('220 go ahead')).toBe('')
    expect(play.types()).toEqual(['secure'])
    expect(play.tell({ type: 'secured', session: SESSION })).toBe('EHLO a.com\r\n')
    play.server('250 b.com')
    expect(play.types()).toEqual(['ready'])
    // PIPELINING was offered before, by nobody knows whom.
    expect(play.tell({ type: 'mail', ...mailOf({}) })).toBe('MAIL FROM:<a@a.com>\r\n')
  })

  test('what came before it with the reply is not believed after it (RFC 3207 §4.2)', () => {
    const play = ready(['STARTTLS'], OFFERED)
    play.server('220 go ahead', '250-evil', '250 AUTH PLAIN')
    expect(play.tell({ type: 'secured', session: SESSION })).toBe('EHLO a.com\r\n')
    expect(play.types()).toEqual(['secure'])
  })

  test('without it mail goes on where it is only welcome, and not where it is required', () => {
    expect(ready([], OFFERED).types()).toEqual(['ready'])
    const refused = ready(['STARTTLS'], OFFERED)
    refused.server('454 4.7.0 not now')
    expect(refused.types()).toEqual(['ready'])
    const required = ready([], REQUIRED)
    expect(required.heard).toMatchObject([
      { type: 'failed', fault: { code: 'smtp/no-tls', temporary: true } },
      { type: 'close' },
    ])
  })

  test('credentials never go unprotected where TLS was asked for', () => {
    const play = ready(['AUTH PLAIN'], { ...OFFERED, credentials: { user: 'u', password: 'p' } })
    expect(play.heard[0]).toMatchObject({ fault: { code: 'smtp/no-tls' } })
  })

  test('a handshake that fails says so, for another attempt without', () => {
    const play = ready(['STARTTLS'], OFFERED)
    play.server('220 go')
    const fault = new Fault('network/tls-failed', 'bad record', { temporary: true })
    play.tell({ type: 'ended', fault })
    expect(play.heard[1]).toMatchObject({
      fault: { code: 'smtp/tls-failed', temporary: true, message: 'no TLS: bad record' },
    })
  })
})

describe('what the server lacks', () => {
  test.each([
    [[], { smtpUtf8: true }, '5.6.7'],
    [['SIZE 100'], { sizeBytes: 101 }, '5.3.4'],
    [['CHUNKING', '8BITMIME'], { body: 'BINARYMIME' }, '5.6.3'],
    [['BINARYMIME'], { body: 'BINARYMIME' }, '5.6.3'],
    [['REQUIRETLS'], { requireTls: true }, '5.7.30'],
    [[], { deliverBy: { seconds: 60, mode: 'return', trace: false } }, '5.3.3'],
    [['DELIVERBY 61'], { deliverBy: { seconds: 60, mode: 'return', trace: false } }, '5.4.7'],
  ] as const)('%j for %j is refused in its stead by %s', (extensions, parameters, enhanced) => {
    const play = ready(extensions)
    expect(play.tell({ type: 'mail', ...mailOf(parameters, 'b', 'c') })).toBe('')
    expect(repliesOf(play)).toEqual([enhanced, enhanced])
    expect(play.types()).toEqual(['ready', 'settled', 'ready'])
  })

  test('SIZE without a bound, or of 0, bounds nothing (RFC 1870 §3)', () => {
    for (const size of ['SIZE', 'SIZE 0']) {
      const sent = ready([size]).tell({ type: 'mail', ...mailOf({ sizeBytes: 1e9 }) })
      expect(sent).toBe('MAIL FROM:<a@a.com> SIZE=1000000000\r\n')
    }
  })

  test('an international address asks for SMTPUTF8, and is sent as UTF-8 (RFC 6531 §3.4)', () => {
    expect(repliesOf(afterMail(ready([]), mailOf({}, 'jürgen')))).toEqual(['5.6.7'])
    const play = ready(['SMTPUTF8', 'PIPELINING'])
    expect(play.tell({ type: 'mail', ...mailOf({}, 'jürgen') })).toMatch(
      /^MAIL FROM:<a@a\.com> SMTPUTF8\r\nRCPT TO:<"?jürgen"?@b\.com>\r\nDATA\r\n$/,
    )
  })

  test('no 8-bit message goes to a server without 8BITMIME: it is taken back by closing', () => {
    const play = ready(['PIPELINING'])
    play.tell({ type: 'mail', ...mailOf({ body: '8BITMIME' }, 'b', 'c') })
    play.server('250 ok', '550 5.1.1 no b', '250 ok', '354 go')
    expect(play.tell({ type: 'body', bytes: fromUtf8('only seven bits\r\n') })).not.toBe('')
    play.tell({ type: 'drained' })
    expect(play.tell({ type: 'body', bytes: fromUtf8('acht: ä\r\n') })).toBe('')
    expect(repliesOf(play)).toEqual(['5.1.1', '5.6.3'])
    expect(play.types().slice(-3)).toEqual(['settled', 'finished', 'close'])
  })

  function afterMail(play: Play, mail: OutgoingMail): Play {
    play.tell({ type: 'mail', ...mail })
    return play
  }
})

test('what a report shall say goes on to a server with DSN, and to no other (RFC 3461 §5.2)', () => {
  const mail: OutgoingMail = {
    ...mailOf({ ret: 'HDRS', envelopeId: 'x+1' }),
    recipientParameters: [
      { notify: ['failure', 'delay'], originalRecipient: { type: 'rfc822', address: 'o@b.com' } },
    ],
  }
  expect(ready(['PIPELINING', 'DSN']).tell({ type: 'mail', ...mail })).toBe(
    'MAIL FROM:<a@a.com> RET=HDRS ENVID=x+2B1\r\n' +
      'RCPT TO:<b@b.com> NOTIFY=FAILURE,DELAY ORCPT=rfc822;o@b.com\r\nDATA\r\n',
  )
  expect(ready(['PIPELINING']).tell({ type: 'mail', ...mail })).toBe(
    'MAIL FROM:<a@a.com>\r\nRCPT TO:<b@b.com>\r\nDATA\r\n',
  )
})

test('what time is left goes on, and none where nobody keeps count of it (RFC 2852)', () => {
  const notify = mailOf({ deliverBy: { seconds: -5, mode: 'notify', trace: false } })
  expect(ready(['DELIVERBY 60']).tell({ type: 'mail', ...notify })).toContain(' BY=-5;N\r\n')
  expect(ready([]).tell({ type: 'mail', ...notify })).toBe('MAIL FROM:<a@a.com>\r\n')
  const back = mailOf({ deliverBy: { seconds: 60, mode: 'return', trace: true } })
  for (const offer of ['DELIVERBY', 'DELIVERBY 60', 'DELIVERBY 60,more']) {
    expect(ready([offer]).tell({ type: 'mail', ...back })).toContain(' BY=60;RT\r\n')
  }
})

test('a priority goes on to whoever knows of it (RFC 6710)', () => {
  const mail = { type: 'mail', ...mailOf({ priority: -3 }) } as const
  expect(ready(['MT-PRIORITY']).tell(mail)).toBe('MAIL FROM:<a@a.com> MT-PRIORITY=-3\r\n')
  expect(ready([]).tell(mail)).toBe('MAIL FROM:<a@a.com>\r\n')
})

describe('REQUIRETLS (RFC 8689 §4.2.1)', () => {
  const REQUIRED: SmtpClientOptions = { ...OPTIONS, tls: 'required' }

  function verified(...extensions: string[]): Play {
    const play = ready(['STARTTLS'], REQUIRED)
    play.server('220 go')
    play.tell({ type: 'secured', session: SESSION })
    play.server(...['b.com', ...extensions].map((line) => `250-${line}`), '250 HELP')
    return play
  }

  test('is asked of a server that is who it says', () => {
    const sent = verified('REQUIRETLS').tell({ type: 'mail', ...mailOf({ requireTls: true }) })
    expect(sent).toBe('MAIL FROM:<a@a.com> REQUIRETLS\r\n')
    const without = verified()
    expect(without.tell({ type: 'mail', ...mailOf({ requireTls: true }) })).toBe('')
    expect(repliesOf(without)).toEqual(['5.7.30'])
  })

  test('a report is not lost for the want of it (RFC 8689 §5)', () => {
    const report = {
      ...mailOf({}),
      from: { reversePath: undefined, parameters: { requireTls: true } },
    } as const
    expect(ready([]).tell({ type: 'mail', ...report })).toBe('MAIL FROM:<>\r\n')
    expect(verified('REQUIRETLS').tell({ type: 'mail', ...report })).toContain(' REQUIRETLS\r\n')
  })
})

describe('a BINARYMIME message goes by BDAT (RFC 3030)', () => {
  const BINARY = ['CHUNKING', 'BINARYMIME']
  const MAIL = { type: 'mail', ...mailOf({ body: 'BINARYMIME' }) } as const

  /** The envelope has been accepted. */
  function wanting(extensions: readonly string[], options = OPTIONS): Play {
    const play = ready(extensions, options)
    const isPipelined = extensions.includes('PIPELINING')
    const sender = 'MAIL FROM:<a@a.com> BODY=BINARYMIME\r\n'
    const recipient = 'RCPT TO:<b@b.com>\r\n'
    expect(play.tell(MAIL)).toBe(isPipelined ? sender + recipient : sender)
    play.server('250 ok', '250 ok')
    expect(play.types()).toEqual(['ready', 'more-body'])
    return play
  }

  test('each chunk waits for its reply', () => {
    const play = wanting(BINARY)
    expect(play.tell({ type: 'body', bytes: fromLatin1('.\n\0') })).toBe('BDAT 3\r\n.\n\0')
    play.tell({ type: 'drained' })
    expect(play.types()).toEqual([])
    expect(play.client.deadline).toBeDefined()
    play.server('250 3 octets')
    expect(play.types()).toEqual(['more-body'])
    expect(play.tell({ type: 'body-end' })).toBe('BDAT 0 LAST\r\n')
    play.server('250 2.0.0 done')
    expect(repliesOf(play)).toEqual(['2.0.0'])
    expect(play.types()).toEqual(['settled', 'ready'])
  })

  test('with PIPELINING the next one does not', () => {
    const play = wanting(['PIPELINING', ...BINARY])
    for (const text of ['one', 'two']) {
      expect(play.tell({ type: 'body', bytes: fromLatin1(text) })).toBe(`BDAT 3\r\n${text}`)
      play.tell({ type: 'drained' })
      expect(play.types()).toEqual(['more-body'])
    }
    expect(play.tell({ type: 'body-end' })).toBe('BDAT 0 LAST\r\n')
    play.server('250 one', '250 two', '250 2.0.0 done')
    expect(play.types()).toEqual(['settled', 'ready'])
  })

  test.each([[[]], [['PIPELINING']]])(
    'nothing follows one that is refused, and the session ends: with %j',
    (more) => {
      const play = wanting([...more, ...BINARY])
      play.tell({ type: 'body', bytes: fromLatin1('one') })
      play.tell({ type: 'drained' })
      expect(play.server('452 4.3.1 full')).toBe('')
      expect(repliesOf(play)).toEqual(['4.3.1'])
      expect(play.types().slice(-3)).toEqual(['settled', 'finished', 'close'])
    },
  )

  test('by LMTP each recipient answers for the last (RFC 2033)', () => {
    const play = new Play({ ...OPTIONS, protocol: 'LMTP' })
    play.server('220 b.com LMTP')
    play.server('250-b.com', '250-PIPELINING', '250-CHUNKING', '250 BINARYMIME')
    play.tell({ type: 'mail', ...mailOf({ body: 'BINARYMIME' }, 'b', 'c') })
    play.server('250 ok', '250 ok', '250 ok')
    play.tell({ type: 'body', bytes: fromLatin1('x') })
    play.tell({ type: 'drained' })
    play.tell({ type: 'body-end' })
    play.server('250 ok', '250 2.1.5 b', '452 4.2.2 c')
    expect(repliesOf(play)).toEqual(['2.1.5', '4.2.2'])
  })
})

test('AUTH by SCRAM is believed only when the server has proven itself too (RFC 5802 §3)', () => {
  const options = { ...OPTIONS, credentials: { user: 'u', password: 'p' }, nonce: 'abc' }
  const play = new Play(options)
  play.server('220 b.com')
  const first = play.server('250-b.com', '250 AUTH PLAIN SCRAM-SHA-256')
  expect(first).toBe(`AUTH SCRAM-SHA-256 ${btoa('n,,n=u,r=abc')}\r\n`)
  expect(play.server(`334 ${btoa('r=abcdef,s=AAAA,i=4096')}`)).toMatch(/^[A-Za-z0-9+/=]+\r\n$/)
  play.server('235 2.7.0 fine')
  expect(play.heard).toMatchObject([
    { type: 'failed', fault: { code: 'smtp/bad-reply', temporary: true } },
    { type: 'close' },
  ])
})

describe('LMTP (RFC 2033)', () => {
  const LMTP: SmtpClientOptions = { ...OPTIONS, protocol: 'LMTP' }

  /** The message is sent; of three recipients the second was refused. */
  function sent(): Play {
    const play = new Play(LMTP)
    expect(play.server('220 b.com LMTP')).toBe('LHLO a.com\r\n')
    play.server('250-b.com', '250 PIPELINING')
    play.tell({ type: 'mail', ...mailOf({}, 'b', 'c', 'd') })
    play.server('250 ok', '250 ok', '550 5.1.1 no', '250 ok', '354 go')
    expect(play.tell({ type: 'body-end' })).toBe('.\r\n')
    return play
  }

  test('each recipient that was accepted has its own answer', () => {
    const play = sent()
    play.server('250 2.1.5 b has it')
    expect(repliesOf(play)).toEqual([])
    play.server('452 4.2.2 d is full')
    expect(repliesOf(play)).toEqual(['2.1.5', '5.1.1', '4.2.2'])
    expect(play.types().at(-1)).toBe('ready')
  })

  test.each(['421 4.3.2 closing', 'end'])('after %s what was answered stands', (how) => {
    const play = sent()
    play.server('250 2.1.5 b has it')
    if (how === 'end') play.tell({ type: 'ended' })
    else play.server(how)
    expect(repliesOf(play)).toEqual(['2.1.5', '5.1.1', how === 'end' ? '4.4.2' : '4.3.2'])
    expect(play.types().slice(-3)).toEqual(['settled', 'failed', 'close'])
  })

  test('a server that does not know LHLO is none, and HELO does not make it one', () => {
    const play = new Play(LMTP)
    play.server('220 b.com ESMTP')
    expect(play.server('500 5.5.2 what?')).toBe('QUIT\r\n')
    expect(play.types()).toEqual(['failed', 'close'])
  })
})

describe('TLS from the start (RFC 8314)', () => {
  test('begins before the server has said anything, and then nothing is asked of STARTTLS', () => {
    const client = new SmtpClient({ ...OPTIONS, tls: 'first' })
    const types = (event: Parameters<SmtpClient['handle']>[0]): readonly string[] =>
      client
        .handle(event, T0)
        .map((effect) => (effect.type === 'send' ? toUtf8(effect.bytes) : effect.type))
    expect(types({ type: 'connected' })).toEqual(['secure'])
    expect(client.deadline).toBeDefined()
    expect(types({ type: 'secured', session: SESSION })).toEqual([])
    expect(client.deadline).toBeDefined()
    expect(types({ type: 'bytes', bytes: fromLatin1('220 b.com\r\n') })).toEqual(['EHLO a.com\r\n'])
    const offers = fromLatin1('250-b.com\r\n250 STARTTLS\r\n')
    expect(types({ type: 'bytes', bytes: offers })).toEqual(['ready'])
  })

  test('that fails ends the session', () => {
    const client = new SmtpClient({ ...OPTIONS, tls: 'first' })
    client.handle({ type: 'connected' }, T0)
    expect(client.handle({ type: 'ended', fault: undefined }, T0)).toMatchObject([
      { type: 'failed', fault: { code: 'smtp/tls-failed' } },
      { type: 'close' },
    ])
  })
})

test('property: however the bytes are cut, the effects are the same', () => {
  // What answers one step comes after it, in whatever pieces.
  const steps = [
    '220 b\r\n',
    '250-b\r\n250-PIPELINING\r\n250 STARTTLS\r\n',
    '250 ok\r\n250 ok\r\n354 go\r\n',
    '250 ok\r\n',
  ]
  const script = fromLatin1(steps.join(''))
  const stepEnds = steps.map((_, i) => steps.slice(0, i + 1).join('').length)
  const cutAt = (cuts: readonly number[]): readonly Uint8Array[] => {
    const ends = [0, ...cuts, ...stepEnds].sort((a, b) => a - b)
    return ends.slice(1).map((end, i) => script.subarray(ends[i], end))
  }
  fc.assert(
    fc.property(fc.array(fc.nat(script.length)), (cuts) => {
      expect(run(cutAt(cuts))).toEqual(run(cutAt([])))
    }),
  )
  expect(run(cutAt([])).at(-1)).toBe('ready')
})

/** Everything that the client did, while it is given what it asks for. */
function run(pieces: readonly Uint8Array[]): readonly string[] {
  const client = new SmtpClient(OPTIONS)
  const done: string[] = []
  const inbox: Parameters<SmtpClient['handle']>[0][] = [
    { type: 'connected' },
    ...pieces.map((bytes) => ({ type: 'bytes', bytes }) as const),
  ]
  for (let event = inbox.shift(); event !== undefined; event = inbox.shift()) {
    for (const effect of client.handle(event, T0)) {
      done.push(effect.type === 'send' ? toUtf8(effect.bytes) : effect.type)
      if (effect.type === 'ready' && done.filter((name) => name === 'ready').length === 1) {
        inbox.unshift({ type: 'mail', ...mailOf({}) })
      }
      if (effect.type === 'more-body') inbox.unshift({ type: 'body-end' })
    }
  }
  return done
}
