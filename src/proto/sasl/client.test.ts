import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromBase64, fromUtf8, toUtf8 } from '../../base/bytes.ts'
import { hmacSha256, pbkdf2Sha256, sha256 } from '../../base/sha256.ts'
import type { ChannelBinding } from '../../base/tls.ts'
import { type SaslClient, type SaslClientOptions, saslClient } from './client.ts'
import { SaslExchange } from './exchange.ts'
import { SCRAM_ITERATIONS_MAX } from './limits.ts'
import type { ScramKeys } from './scram.ts'

const OFFERED = ['PLAIN', 'SCRAM-SHA-256-PLUS', 'LOGIN', 'SCRAM-SHA-256']
const BINDING: ChannelBinding = {
  tlsExporter: Uint8Array.of(1, 2, 3),
  tlsServerEndPoint: Uint8Array.of(4, 5),
}
const CREDENTIALS = { user: 'user', password: 'pencil' }

function client(options: Partial<SaslClientOptions> = {}): SaslClient {
  const whole = { credentials: CREDENTIALS, offered: OFFERED, binding: undefined, nonce: 'abc' }
  const made = saslClient({ ...whole, ...options })
  if (made === undefined) throw new Error('no mechanism in common')
  return made
}

test('the best mechanism is taken that both sides can do', () => {
  expect(client({ binding: BINDING }).mechanism).toBe('SCRAM-SHA-256-PLUS')
  expect(client().mechanism).toBe('SCRAM-SHA-256')
  expect(client({ nonce: undefined }).mechanism).toBe('PLAIN')
  expect(client({ offered: ['LOGIN', 'PLAIN'] }).mechanism).toBe('PLAIN')
  expect(client({ offered: ['LOGIN'] }).mechanism).toBe('LOGIN')
  const none = saslClient({ credentials: CREDENTIALS, offered: ['GSSAPI'], binding: undefined })
  expect(none).toBeUndefined()
})

describe('SCRAM-SHA-256', () => {
  const CHALLENGE =
    'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096'

  function started(): SaslClient {
    const started = client({ nonce: 'rOprNGfwEbeRWgbNEkqO' })
    started.initialResponse()
    return started
  }

  function fault(sasl: SaslClient, challenge: string): string | undefined {
    const result = sasl.respond(fromUtf8(challenge))
    return result.ok ? undefined : result.fault.code
  }

  test('says what the example says (RFC 7677 §3)', () => {
    const sasl = client({ nonce: 'rOprNGfwEbeRWgbNEkqO' })
    const say = (challenge: string): string => {
      const result = sasl.respond(fromUtf8(challenge))
      return result.ok ? toUtf8(result.value) : result.fault.message
    }
    expect(toUtf8(sasl.initialResponse() ?? new Uint8Array(0))).toBe(
      'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
    )
    expect(say(CHALLENGE)).toBe(
      'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
    )
    expect(sasl.mayEnd).toBe(false)
    expect(say('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=')).toBe('')
    expect(sasl.mayEnd).toBe(true)
  })

  test('a server that does not know the password is found out (RFC 5802 §3)', () => {
    const sasl = started()
    sasl.respond(fromUtf8(CHALLENGE))
    expect(fault(sasl, 'v=AAAA')).toBe('sasl/server-not-proven')
    expect(fault(sasl, 'e=other-error')).toBe('sasl/server-not-proven')
    expect(sasl.mayEnd).toBe(false)
  })

  test.each([
    ['r=other,s=AAAA,i=4096'],
    ['s=AAAA,i=4096'],
    ['r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=4095'],
    [`r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=${SCRAM_ITERATIONS_MAX + 1}`],
  ])('%j is not answered', (challenge) => {
    expect(fault(started(), challenge)).toBe('sasl/bad-message')
  })

  test('a -PLUS that somebody has taken away is told of (RFC 5802 §6)', () => {
    const offered = ['SCRAM-SHA-256']
    const first = client({ offered, binding: BINDING }).initialResponse()
    expect(toUtf8(first ?? new Uint8Array(0))).toBe('y,,n=user,r=abc')
  })
})

test('property: a server believes what the client says, by every mechanism', () => {
  const text = fc.string({ minLength: 1, maxLength: 20 }).filter((part) => !part.includes('\0'))
  fc.assert(
    fc.property(
      fc.constantFrom(...OFFERED),
      fc.boolean(),
      text,
      text,
      (name, isExporter, user, password) => {
        const binding = { ...BINDING, ...(!isExporter && { tlsExporter: undefined }) }
        const sasl = client({ offered: [name], binding, credentials: { user, password } })
        const server = new SaslExchange(
          sasl.mechanism,
          name.endsWith('-PLUS') ? binding : undefined,
        )
        let step = server.step(sasl.initialResponse())
        while (step.type === 'user' || step.type === 'challenge') {
          if (step.type === 'user') {
            expect(step.user).toBe(user)
            step = server.keys(keysOf(password), 'server')
          } else {
            const response = sasl.respond(step.bytes)
            step = server.step(response.ok ? response.value : undefined)
          }
        }
        if (step.type === 'credentials') expect(step.credentials).toEqual({ user, password })
        else {
          expect(step).toMatchObject({ type: 'proof', user, isProven: true })
          expect(step.type === 'proof' && sasl.respond(step.final).ok).toBe(true)
        }
        expect(sasl.mayEnd).toBe(true)
      },
    ),
    { numRuns: 30 },
  )
})

test('property: no challenge makes the client throw', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...OFFERED),
      fc.array(fc.uint8Array({ maxLength: 40 })),
      (name, challenges) => {
        const sasl = client({ offered: [name], binding: BINDING })
        sasl.initialResponse()
        for (const challenge of challenges) sasl.respond(challenge)
      },
    ),
  )
})

function keysOf(password: string): ScramKeys {
  const salt = fromBase64('W22ZaJ0SNY7soEsUEjb6gQ==') ?? new Uint8Array(0)
  const salted = pbkdf2Sha256(fromUtf8(password), salt, 4096)
  return {
    salt,
    iterations: 4096,
    storedKey: sha256(hmacSha256(salted, fromUtf8('Client Key'))),
    serverKey: hmacSha256(salted, fromUtf8('Server Key')),
  }
}
