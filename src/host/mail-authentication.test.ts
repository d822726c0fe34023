import { generateKeyPairSync } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { monoMs, wallMs } from '../base/time.ts'
import { type LabName, labDns } from '../lab/dns.ts'
import type { Clock } from '../ports/clock.ts'
import type { Dns } from '../ports/dns.ts'
import type {
  Authentication,
  MailAuthentication,
  MailClient,
  SigningKey,
} from '../ports/mail-authentication.ts'
import { SIGNATURES_MAX } from './dkim-verifier.ts'
import { hostMailAuthentication } from './mail-authentication.ts'
import { FIELD_BYTES_MAX, HEADER_LIMITS } from './message-parts.ts'

const NOW = wallMs(Date.UTC(2026, 10, 23, 12))
let nowMs = 0
const clock: Clock = { now: () => monoMs(nowMs), wall: () => NOW, at: () => () => {} }

function keyPair(algorithm: 'rsa' | 'ed25519', bits = 2048) {
  const { publicKey, privateKey } =
    algorithm === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: bits })
      : generateKeyPairSync('ed25519')
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  const p = (algorithm === 'rsa' ? spki : spki.subarray(-32)).toString('base64')
  return {
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    record: `v=DKIM1; k=${algorithm}; p=${p}`,
  }
}

const RSA = keyPair('rsa')
const ED25519 = keyPair('ed25519')
const rsaKey: SigningKey = { domain: 'b.com', selector: 'rsa', algorithm: 'rsa', ...RSA }
const edKey: SigningKey = { domain: 'b.com', selector: 'ed', algorithm: 'ed25519', ...ED25519 }

const CLIENT: MailClient = { address: '192.0.2.1', helo: 'mx.b.com', sender: 'ann@b.com' }
const MESSAGE = 'From: Ann <ann@b.com>\r\nTo: c@a.com\r\nSubject: x\r\n\r\nHello \t you\r\n\r\n'

let names: Map<string, LabName>
let dns: Dns
let lookups: string[]
let authentication: MailAuthentication

beforeEach(() => {
  nowMs = 0
  names = new Map<string, LabName>([
    ['b.com', { txt: ['v=spf1 ip4:192.0.2.1 -all'] }],
    ['rsa._domainkey.b.com', { txt: [RSA.record] }],
    ['ed._domainkey.b.com', { txt: [ED25519.record] }],
    ['_dmarc.b.com', { txt: ['v=DMARC1; p=reject'] }],
  ])
  lookups = []
  const table = labDns(names)
  dns = {
    ...table,
    resolveTxt: (name) => {
      lookups.push(name)
      return table.resolveTxt(name)
    },
  }
  authentication = hostMailAuthentication({ dns, clock, hostname: 'mail-1.a.com' })
})

// What is not ours writes nothing into our log.
const log = vi.spyOn(console, 'log')
afterEach(() => expect(log).not.toHaveBeenCalled())

async function signed(message: string, ...keys: readonly SigningKey[]): Promise<string> {
  const signer = authentication.signer()
  signer.push(Buffer.from(message, 'latin1'))
  signer.end()
  const fields = await signer.sign(keys, NOW)
  return [...fields, message].join('\r\n')
}

function verify(message: string, client: MailClient = CLIENT, cut = 1000): Promise<Authentication> {
  const verifier = authentication.verifier(client)
  const bytes = Buffer.from(message, 'latin1')
  for (let at = 0; at < bytes.length; at += cut) verifier.push(bytes.subarray(at, at + cut))
  return verifier.end()
}

describe('a message that is signed', () => {
  test.each([
    ['RSA', rsaKey],
    ['Ed25519 (RFC 8463)', edKey],
  ])('by %s is verified, however it is cut', async (_, key) => {
    for (const cut of [1, 7, 1000]) {
      const { dkim, dmarc } = await verify(await signed(MESSAGE, key), CLIENT, cut)
      const { domain, selector } = key
      expect(dkim).toMatchObject([{ result: 'pass', domain, selector }])
      expect(dmarc).toEqual({ result: 'pass', domain: 'b.com' })
    }
  })

  test('by two keys has two signatures', async () => {
    const { dkim } = await verify(await signed(MESSAGE, rsaKey, edKey))
    expect(dkim.map(({ result }) => result)).toEqual(['pass', 'pass'])
  })

  test('and changed in body, header or key fails, and says so', async () => {
    const message = await signed(MESSAGE, rsaKey)
    const resultOf = async (changed: string) => (await verify(changed)).dkim[0]
    expect(await resultOf(message.replace('Hello', 'Hallo'))).toMatchObject({
      result: 'fail',
      reason: 'body hash did not verify',
    })
    expect(await resultOf(message.replace('Subject: x', 'Subject: y'))).toMatchObject({
      result: 'fail',
      reason: 'bad signature',
    })
    names.delete('rsa._domainkey.b.com')
    expect(await resultOf(message)).toMatchObject({ result: 'permerror', reason: 'no key' })
    names.set('rsa._domainkey.b.com', { fault: 'dns/timed-out' })
    expect(await resultOf(message)).toMatchObject({ result: 'temperror' })
  })

  test('has white space and empty lines changed on its way, and no harm done', async () => {
    const message = await signed(MESSAGE, rsaKey)
    const changed = message
      .replace('Hello \t you\r\n\r\n', 'Hello you  \r\n')
      .replace(': x', ':  x')
    expect((await verify(changed)).dkim).toMatchObject([{ result: 'pass' }])
  })

  test('that is all header is signed and verified, and has an author', async () => {
    const message = await signed('From: ann@b.com\r\nSubject: x\r\n', rsaKey)
    const { dkim, dmarc } = await verify(message)
    expect(dkim).toMatchObject([{ result: 'pass' }])
    expect(dmarc.result).toBe('pass')
  })

  test('tells whose it is, to be signed for', () => {
    const authorsOf = (message: string): readonly string[] => {
      const signer = authentication.signer()
      signer.push(Buffer.from(message))
      signer.end()
      return signer.authors
    }
    expect(authorsOf('From: "x@y.com" <ann@b.com>\r\n\r\n')).toEqual(['ann@b.com'])
    expect(authorsOf('From: ann@b.com\r\nFrom: bob@b.com\r\n\r\n')).toHaveLength(2)
    expect(authorsOf('Subject: x\r\n\r\nFrom: ann@b.com\r\n')).toEqual([])
    expect(authorsOf('From: nobody\r\n\r\n').join()).not.toContain('@')
  })
})

describe('signatures that do not count', () => {
  const tampered = (from: string | RegExp, to: string) => async (): Promise<string> =>
    (await signed(MESSAGE, rsaKey)).replace(from, to)

  test.each([
    ['cover a part of the body only', tampered('bh=', 'l=1; bh='), 'body length limit'],
    ['are of rsa-sha1 (RFC 8301)', tampered('rsa-sha256', 'rsa-sha1'), 'rsa-sha1'],
    ['do not cover the author', tampered(/h=[^;]+/, 'h=to'), 'author not signed'],
    ['are of no known kind', tampered('relaxed/relaxed', 'odd/odd'), 'not understood'],
    ['name more fields than any', tampered('h=', `h=${'x:'.repeat(300)}`), 'too many fields'],
  ])('%s', async (_, make, reason) => {
    const { dkim } = await verify(await make())
    expect(dkim).toMatchObject([{ result: 'policy', reason }])
    expect(lookups).not.toContain('rsa._domainkey.b.com')
  })

  test('are of keys that are too short', async () => {
    const weak = keyPair('rsa', 512)
    names.set('weak._domainkey.b.com', { txt: [weak.record] })
    // A key that short signs nothing here either: the signature is another's.
    const message = (await signed(MESSAGE, rsaKey)).replace('s=rsa', 's=weak')
    expect((await verify(message)).dkim).toMatchObject([{ result: 'policy', reason: 'weak-key' }])
  })

  test(`come after the first ${SIGNATURES_MAX}`, async () => {
    const one = (await signed(MESSAGE, rsaKey)).slice(0, -MESSAGE.length)
    const { dkim } = await verify(one.repeat(100) + MESSAGE)
    expect(dkim.filter(({ result }) => result === 'pass')).toHaveLength(SIGNATURES_MAX)
    expect(dkim.at(-1)).toMatchObject({ result: 'policy', reason: 'too many signatures' })
    expect(dkim).toHaveLength(SIGNATURES_MAX + 1)
  })
})

describe('SPF', () => {
  const spfOf = async (client: Partial<MailClient>, ...records: readonly string[]) => {
    if (records.length > 0) names.set('b.com', { txt: records })
    return authentication.spf({ ...CLIENT, ...client })
  }

  test.each([
    ['pass', {}, []],
    ['fail', { address: '192.0.2.2' }, []],
    ['softfail', { address: '192.0.2.2' }, ['v=spf1 ~all']],
    ['neutral', { address: '192.0.2.2' }, ['v=spf1 ?all']],
    ['none', { sender: 'ann@c.com' }, []],
    ['permerror', {}, ['v=spf1 nonsense!']],
    ['permerror', {}, ['v=spf1 -all', 'v=spf1 +all']],
    ['pass', { sender: undefined, helo: 'b.com' }, []],
    ['none', { sender: undefined, helo: '[192.0.2.1]' }, []],
    ['pass', { address: '2001:db8::1' }, ['v=spf1 ip6:2001:db8::/32 -all']],
  ] as const)('%s of %j, with %j', async (result, client, records) => {
    expect((await spfOf(client, ...records)).result).toBe(result)
  })

  test.each([
    'v=spf1 a -all',
    'v=spf1 mx -all',
    'v=spf1 ptr -all',
    'v=spf1 exists:%{ir}.%{v}.list.b.com -all',
    'v=spf1 redirect=other.b.com',
  ])('asks all kinds of records for %j', async (record) => {
    names.set('b.com', {
      ...{ txt: [record], a: ['192.0.2.1'], mx: [{ preference: 1, exchange: 'mx.b.com' }] },
    })
    names.set('mx.b.com', { a: ['192.0.2.1'] })
    names.set('1.2.0.192.in-addr.arpa', { ptr: ['mx.b.com'] })
    names.set('1.2.0.192.in-addr.list.b.com', { a: ['127.0.0.2'] })
    names.set('other.b.com', { txt: ['v=spf1 ip4:192.0.2.1 -all'] })
    expect((await authentication.spf(CLIENT)).result).toBe('pass')
    expect((await authentication.spf({ ...CLIENT, address: '192.0.2.9' })).result).toBe('fail')
  })

  test('asks ten questions and no more', async () => {
    for (let i = 0; i < 100; i++) {
      names.set(`${i}.c.com`, { txt: [`v=spf1 include:${i + 1}.c.com -all`] })
    }
    expect((await spfOf({ sender: 'x@0.c.com' })).result).toBe('permerror')
    expect(lookups.length).toBeLessThanOrEqual(11)
  })

  test('is no word for or against anybody while no resolver answers', async () => {
    names.set('b.com', { fault: 'dns/timed-out' })
    expect((await spfOf({})).result).toBe('temperror')
  })

  test('asks no more after a while, whatever is left to ask', async () => {
    const parts = Array.from({ length: 9 }, (_, i) => `include:${i}.c.com`)
    names.set('b.com', { txt: [`v=spf1 ${parts.join(' ')} +all`] })
    for (let i = 0; i < 9; i++) names.set(`${i}.c.com`, { txt: ['v=spf1 -all'] })
    expect((await authentication.spf(CLIENT)).result).toBe('pass')
    lookups = []
    const resolveTxt: Dns['resolveTxt'] = (name) => {
      nowMs += 6000
      lookups.push(name)
      return dns.resolveTxt(name)
    }
    const slow = { ...dns, resolveTxt }
    const slowly = hostMailAuthentication({ dns: slow, clock, hostname: 'mail-1.a.com' })
    expect((await slowly.spf(CLIENT)).result).toBe('temperror')
    expect(nowMs).toBe(24_000)
  })
})

describe('DMARC', () => {
  const STRANGER: MailClient = { ...CLIENT, address: '192.0.2.2', sender: 'x@evil.com' }
  const dmarcOf = async (record: string, message = MESSAGE, client = STRANGER) => {
    names.set('_dmarc.b.com', { txt: [record] })
    return (await verify(message, client)).dmarc
  }

  test.each([
    ['v=DMARC1; p=reject', 'reject'],
    ['v=DMARC1; p=Quarantine', 'quarantine'],
    ['v=DMARC1; p=none', 'none'],
    ['v=DMARC1; p=reject; pct=0', 'quarantine'],
    ['v=DMARC1; p=nonsense', 'none'],
  ])('%s of a stranger asks for %s', async (record, policy) => {
    expect(await dmarcOf(record)).toEqual({ result: 'fail', domain: 'b.com', policy })
  })

  test('is none without a record, and temporary while no resolver answers', async () => {
    expect((await dmarcOf('hello')).result).toBe('none')
    names.set('_dmarc.b.com', { fault: 'dns/failed' })
    expect((await verify(MESSAGE, STRANGER)).dmarc).toEqual({
      result: 'temperror',
      domain: 'b.com',
    })
  })

  test('takes the policy of the organization for a name below it, and its signature', async () => {
    const below = MESSAGE.replace('ann@b.com', 'ann@x.b.com')
    const record = 'v=DMARC1; p=reject; sp=quarantine'
    expect(await dmarcOf(record, below)).toMatchObject({ result: 'fail', policy: 'quarantine' })
    expect(await dmarcOf(record, await signed(below, rsaKey))).toMatchObject({ result: 'pass' })
  })

  test('takes no signature of the organization where alignment is strict', async () => {
    const below = await signed(MESSAGE.replace('ann@b.com', 'ann@x.b.com'), rsaKey)
    expect(await dmarcOf('v=DMARC1; p=reject; adkim=s', below)).toMatchObject({ result: 'fail' })
    const exact = await signed(MESSAGE, rsaKey)
    expect(await dmarcOf('v=DMARC1; p=reject; adkim=s', exact)).toMatchObject({ result: 'pass' })
  })

  test.each([
    ['no author', 'To: c@a.com\r\n\r\n', { result: 'permerror', reason: 'no author' }],
    ['an author without address', 'From: Ann\r\n\r\n', { result: 'permerror' }],
    [
      'two fields',
      'From: x@evil.com\r\nFrom: ann@b.com\r\n\r\n',
      { result: 'permerror', reason: 'several From fields' },
    ],
    ['two authors', 'From: x@evil.com, ann@b.com\r\n\r\n', { result: 'fail', domain: 'b.com' }],
    [
      'a hundred authors',
      `From: ${Array.from({ length: 100 }, (_, i) => `x@${i}.com`).join(',')}\r\n\r\n`,
      { result: 'permerror', reason: 'many authors' },
    ],
  ])('is not got round by %s', async (_, message, result) => {
    expect(await dmarcOf('v=DMARC1; p=reject', message)).toMatchObject(result)
  })
})

describe('ARC', () => {
  test('a seal is added, counted on, and broken by a change', async () => {
    let message = await signed(MESSAGE, rsaKey)
    for (const instance of [1, 2, 3]) {
      const verifier = authentication.verifier(CLIENT)
      verifier.push(Buffer.from(message))
      expect((await verifier.end()).arc.result).toBe(instance === 1 ? 'none' : 'pass')
      const fields = await verifier.seal(rsaKey, 'mail-1.a.com; dkim=pass', NOW)
      expect(fields.map((field) => field.slice(0, field.indexOf(';')))).toEqual([
        `ARC-Seal: i=${instance}`,
        `ARC-Message-Signature: i=${instance}`,
        `ARC-Authentication-Results: i=${instance}`,
      ])
      message = [...fields, message].join('\r\n')
    }
    const verifier = authentication.verifier(CLIENT)
    verifier.push(Buffer.from(message.replace('Hello', 'Hallo')))
    expect((await verifier.end()).arc.result).toBe('fail')
    expect(await verifier.seal(rsaKey, 'mail-1.a.com; dkim=fail', NOW)).toEqual([])
  })
})

describe('hostile messages', () => {
  const soon = async (message: string): Promise<Authentication> => {
    const before = process.cpuUsage().user
    const results = await verify(message, CLIENT, 65_536)
    expect(process.cpuUsage().user - before).toBeLessThan(2_000_000)
    return results
  }
  const nonsense = [';', ':', '(', '"', '\\', ' ', '=', 'b=', ',', '<', '\r', '\r\n ']

  test.each(
    nonsense.flatMap((piece) =>
      ['DKIM-Signature', 'From', 'ARC-Seal', 'Content-Type', 'X'].map((name) => [name, piece]),
    ),
  )('%s full of %j are looked at within bounds', async (name, piece) => {
    const value = piece.repeat(FIELD_BYTES_MAX / piece.length - 100)
    await soon(`${name}: v=1; a=rsa-sha256; i=1; h=from; d=b.com; s=rsa; b=${value}\r\n\r\nx\r\n`)
  })

  test('thousands of signatures, fields, lines, and endless ones', async () => {
    const one = (await signed(MESSAGE, rsaKey)).slice(0, -MESSAGE.length)
    const tooLarge = { dmarc: { result: 'permerror', reason: 'header too large' } }
    expect(await soon(one.repeat(5000) + MESSAGE)).toMatchObject(tooLarge)
    expect(await soon('a:\r\n'.repeat(HEADER_LIMITS.fieldsMax + 1) + MESSAGE)).toMatchObject(
      tooLarge,
    )
    expect(await soon(`a:\r\n${' \r\n'.repeat(HEADER_LIMITS.linesMax)}`)).toMatchObject(tooLarge)
    expect(await soon('x'.repeat(20_000_000))).toMatchObject(tooLarge)
    const long = `From: ${'x'.repeat(FIELD_BYTES_MAX)}<ann@b.com>\r\n\r\n`
    expect(await soon(long)).toMatchObject({ dmarc: { result: 'permerror' } })
    const empty = `DKIM-Signature: v=1; a=rsa-sha256; d=b.com; s=rsa; h=from\r\n`
    expect((await soon(empty.repeat(900) + MESSAGE)).dkim).toHaveLength(SIGNATURES_MAX + 1)
  })

  test.each([
    'v=DKIM1; k=rsa; p=nonsense',
    'v=DKIM1; k=rsa; p=AAAA',
    'v=DKIM1; p=',
    'v=DKIM9; p=AAAA',
    `v=DKIM1; k=ed25519; p=${Buffer.alloc(32).toString('base64')}`,
    'x'.repeat(60_000),
    '\0\xff;;;===',
    '',
  ])('a key record of %.40j is an error and no more', async (record) => {
    names.set('rsa._domainkey.b.com', { txt: [record] })
    names.set('_dmarc.b.com', { txt: [`v=DMARC1;${record}`] })
    names.set('b.com', { txt: [`v=spf1 ${record}`] })
    const { dkim } = await soon(await signed(MESSAGE, rsaKey))
    expect(['permerror', 'neutral', 'fail']).toContain(dkim[0]?.result)
  })
})
