import { describe, expect, it } from 'vitest'
import { fromUtf8, toUtf8 } from '../../base/bytes.ts'
import { type IpPrefix, parseIpPrefix } from '../../base/ip-address.ts'
import { monoMs, wallMs } from '../../base/time.ts'
import type { Clock } from '../../ports/clock.ts'
import type {
  Authentication,
  DmarcResult,
  MailAuthentication,
  MailClient,
  SigningKey,
} from '../../ports/mail-authentication.ts'
import type { PolicyAnswer, PolicyMail, PolicySession } from '../policy/policy.ts'
import { type AuthenticationOptions, AuthenticationPolicy } from './authentication-policy.ts'
import { SigningKeys } from './signing-keys.ts'
import { SigningPolicy } from './signing-policy.ts'

const clock: Clock = { now: () => monoMs(0), wall: () => wallMs(1000), at: () => () => {} }

const SESSION: PolicySession = {
  ...{ id: 's', service: 'smtp', peer: '192.0.2.1', helo: 'mx.b.com', user: undefined },
}
const MAIL: PolicyMail = {
  queueId: 'ID',
  from: { reversePath: { localPart: 'ann', domain: 'b.com' }, parameters: {} },
  recipients: [{ localPart: 'user', domain: 'a.com' }],
}
const KEY: SigningKey = { domain: 'a.com', selector: 's', algorithm: 'rsa', privateKey: 'secret' }

const RESULTS: Authentication = {
  spf: { result: 'fail', identity: 'mailfrom', domain: 'b.com' },
  dkim: [{ result: 'none' }],
  arc: { result: 'none' },
  dmarc: { result: 'pass', domain: 'b.com' },
}

/** Who logs in owns the address of his name, wherever. */
const OWNERS = {
  owns: ({ user }: PolicySession, { localPart }: { readonly localPart: string }) =>
    localPart === user,
}

/** Knows nothing of mail, and says what it is told to. */
class FakeAuthentication implements MailAuthentication {
  results = RESULTS
  authors: readonly string[] = ['ann@a.com']
  readonly clients: MailClient[] = []
  readonly seen: string[] = []

  async spf(client: MailClient): Promise<Authentication['spf']> {
    this.clients.push(client)
    return this.results.spf
  }
  verifier(client: MailClient): ReturnType<MailAuthentication['verifier']> {
    this.clients.push(client)
    return {
      push: (bytes) => void this.seen.push(toUtf8(bytes)),
      end: async () => this.results,
      seal: async ({ selector }, results) => [`ARC-Seal: ${selector} ${results}`],
    }
  }
  signer(): ReturnType<MailAuthentication['signer']> {
    return {
      authors: this.authors,
      push: (bytes) => void this.seen.push(toUtf8(bytes)),
      end: () => {},
      sign: async (keys, now) => keys.map(({ selector }) => `DKIM-Signature: ${selector} ${now}`),
    }
  }
}

function policyWith(
  options: Partial<AuthenticationOptions> = {},
  isForwarded = false,
): { readonly authentication: FakeAuthentication; readonly policy: AuthenticationPolicy } {
  const authentication = new FakeAuthentication()
  const all = { authority: 'mail-1.a.com', dmarc: 'none', spf: 'none', trusted: [] } as const
  const ports = { authentication, clock, sealingKey: () => KEY, isForwarded: () => isForwarded }
  return { authentication, policy: new AuthenticationPolicy({ ...all, ...options }, ports) }
}

async function answerTo(
  dmarc: DmarcResult,
  options: Partial<AuthenticationOptions>,
): Promise<PolicyAnswer | undefined> {
  const { authentication, policy } = policyWith(options)
  authentication.results = { ...RESULTS, dmarc }
  return policy.reader(SESSION, MAIL)?.end()
}

describe('mail from outside', () => {
  it('is looked at as it comes, and what was found out stands above it', async () => {
    const { authentication, policy } = policyWith()
    const reader = policy.reader(SESSION, MAIL)
    reader?.push(fromUtf8('Hello'))
    expect(await reader?.end()).toEqual({
      type: 'accept',
      headers: [
        'Authentication-Results: mail-1.a.com; spf=fail smtp.mailfrom=b.com; dkim=none;\r\n\tdmarc=pass header.from=b.com',
      ],
    })
    expect(authentication.seen).toEqual(['Hello'])
    expect(authentication.clients).toEqual([
      { address: '192.0.2.1', helo: 'mx.b.com', sender: 'ann@b.com' },
    ])
  })

  it('loses results that claim to be of us', () => {
    const filter = policyWith().policy.filter(SESSION)
    const forged = 'Authentication-Results: mail-1.a.com; dkim=pass\r\nTo: x\r\n\r\n'
    expect(toUtf8(filter?.push(fromUtf8(forged)) ?? fromUtf8(''))).toBe('To: x\r\n\r\n')
  })

  it.each(['192.0.2.1', '127.0.0.1'])('so does that of a user at %s', (peer) => {
    const user: PolicySession = { ...SESSION, peer, service: 'submission', user: 'ann' }
    const trusted = [parseIpPrefix('127.0.0.0/8')].filter((one) => one !== undefined)
    const filter = policyWith({ trusted }).policy.filter(user)
    const unknown: PolicySession = { ...SESSION, service: 'pickup', user: undefined }
    expect(policyWith({ trusted }).policy.filter(unknown)).toBeDefined()
    const forged = 'authentication-results: MAIL-1.a.com; spf=pass\r\nTo: x\r\n\r\n'
    expect(toUtf8(filter?.push(fromUtf8(forged)) ?? fromUtf8(''))).toBe('To: x\r\n\r\n')
  })

  const failing = (policy: 'none' | 'quarantine' | 'reject'): DmarcResult => ({
    ...{ result: 'fail', domain: 'b.com', policy },
  })
  const hidden: DmarcResult = { result: 'permerror', reason: 'several From fields' }

  it.each([
    ['none', failing('reject'), 'accept'],
    ['none', hidden, 'accept'],
    ['quarantine', failing('reject'), 'mark'],
    ['quarantine', failing('quarantine'), 'mark'],
    ['quarantine', failing('none'), 'accept'],
    ['quarantine', hidden, 'mark'],
    ['reject', failing('reject'), 'reject'],
    ['reject', failing('quarantine'), 'mark'],
    ['reject', failing('none'), 'accept'],
    ['reject', hidden, 'reject'],
    // A broken record asks for nothing, and one that cannot be had neither.
    ['reject', { result: 'permerror', domain: 'b.com' }, 'accept'],
    ['reject', { result: 'temperror', domain: 'b.com' }, 'accept'],
    ['reject', { result: 'pass', domain: 'b.com' }, 'accept'],
    ['reject', { result: 'none', domain: 'b.com' }, 'accept'],
  ] as const)('with dmarc: %s and %j: %s', async (dmarc, result, expected) => {
    const answer = await answerTo(result, { dmarc })
    if (expected === 'reject') {
      expect(answer).toMatchObject({ type: 'reject', reply: { code: 550, enhanced: '5.7.1' } })
      return
    }
    const headers = answer?.type === 'accept' ? (answer.headers ?? []) : []
    expect(headers.includes('X-Spam-Flag: YES')).toBe(expected === 'mark')
    expect(headers.at(-1)).toMatch(/^Authentication-Results: /)
  })

  it('is refused at MAIL where its domain says that it is not from there, if we are told to', async () => {
    const refusing = policyWith({ spf: 'reject' })
    expect(await refusing.policy.mail(SESSION, MAIL)).toMatchObject({
      type: 'reject',
      reply: { code: 550, enhanced: '5.7.23' },
    })
    refusing.authentication.results = { ...RESULTS, spf: { ...RESULTS.spf, result: 'temperror' } }
    expect(await refusing.policy.mail(SESSION, MAIL)).toEqual({ type: 'accept' })
    const { authentication, policy } = policyWith()
    expect(await policy.mail(SESSION, MAIL)).toBeUndefined()
    expect(authentication.clients).toEqual([])
  })

  it('is looked at by its HELO where it has no sender', async () => {
    const { authentication, policy } = policyWith()
    policy.reader(SESSION, { ...MAIL, from: { reversePath: undefined, parameters: {} } })
    expect(authentication.clients[0]?.sender).toBeUndefined()
  })

  it('is sealed where it goes on to others', async () => {
    const answer = await policyWith({}, true).policy.reader(SESSION, MAIL)?.end()
    expect(answer).toMatchObject({
      headers: [
        'ARC-Seal: s mail-1.a.com; spf=fail smtp.mailfrom=b.com; dkim=none; dmarc=pass header.from=b.com',
        expect.stringMatching(/^Authentication-Results: /),
      ],
    })
  })
})

describe('other mail', () => {
  const trusted = [parseIpPrefix('192.0.2.0/24'), parseIpPrefix('2001:db8::/32')] as IpPrefix[]
  it.each([
    ['by LMTP', { service: 'lmtp' }],
    ['of servers that are trusted', {}],
    ['of servers that are trusted, over IPv6', { peer: '2001:db8::1' }],
  ] as const)('%s is taken as it is', async (_, session) => {
    const { authentication, policy } = policyWith({ trusted, spf: 'reject', dmarc: 'reject' })
    const from: PolicySession = { ...SESSION, ...session }
    expect(policy.reader(from, MAIL)).toBeUndefined()
    expect(policy.filter(from)).toBeUndefined()
    expect(await policy.mail(from, MAIL)).toBeUndefined()
    expect(authentication.clients).toEqual([])
  })
})

describe('mail of users', () => {
  const signing = (domain: string) => {
    const authentication = new FakeAuthentication()
    const keys = new SigningKeys()
    keys.replace([{ ...KEY, domain, from: wallMs(0) }])
    return { authentication, policy: new SigningPolicy(keys, OWNERS, { authentication, clock }) }
  }
  const user: PolicySession = { ...SESSION, service: 'submission', user: 'ann' }

  it('is signed for the domain of its author', async () => {
    const { authentication, policy } = signing('a.com')
    const reader = policy.reader(user)
    reader?.push(fromUtf8('Hello'))
    expect(await reader?.end()).toEqual({ type: 'accept', headers: ['DKIM-Signature: s 1000'] })
    expect(authentication.seen).toEqual(['Hello'])
  })

  it('is not looked at', async () => {
    const { authentication, policy } = policyWith({ spf: 'reject', dmarc: 'reject' })
    expect(policy.reader(user, MAIL)).toBeUndefined()
    expect(await policy.mail(user, MAIL)).toBeUndefined()
    expect(authentication.clients).toEqual([])
  })

  it('is not signed for another domain, nor where no author can be told, nor where there are no keys', async () => {
    const { authentication, policy } = signing('b.com')
    expect(await policy.reader(user)?.end()).toEqual({ type: 'accept', headers: [] })
    authentication.authors = []
    expect(await policy.reader(user)?.end()).toEqual({ type: 'accept', headers: [] })
    const none = new SigningPolicy(new SigningKeys(), OWNERS, { authentication, clock })
    expect(none.reader(user)).toBeUndefined()
  })

  it('is not signed where one of its authors is not he', async () => {
    const { authentication, policy } = signing('a.com')
    for (const authors of [['bob@a.com'], ['ann@a.com', 'bob@a.com'], ['ann']]) {
      authentication.authors = authors
      expect(await policy.reader(user)?.end()).toEqual({ type: 'accept', headers: [] })
    }
  })

  it('that comes from others is not signed', () => {
    expect(signing('a.com').policy.reader(SESSION)).toBeUndefined()
  })
})
