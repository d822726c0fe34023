import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromUtf8, toUtf8 } from '../../base/bytes.ts'
import { clientResponses, SaslExchange, type SaslStep } from './exchange.ts'
import type { PasswordMechanism } from './mechanism.ts'
import { decodePlain, encodePlain, PART_MAX } from './plain.ts'

function decoded(text: string): unknown {
  const result = decodePlain(fromUtf8(text))
  return result.ok ? result.value : result.fault.code
}

/** The last step of a whole exchange, and the challenges before it. */
function run(mechanism: PasswordMechanism, responses: readonly Uint8Array[], initial: boolean) {
  const exchange = new SaslExchange(mechanism)
  const said: string[] = []
  let step: SaslStep | undefined
  for (const response of initial ? responses : [undefined, ...responses]) {
    step = exchange.step(response)
    if (step.type !== 'challenge') break
    said.push(toUtf8(step.bytes))
  }
  return { said, step }
}

describe('PLAIN (RFC 4616 §2)', () => {
  test('the example of RFC 4616 §4', () => {
    expect(decoded('\0tim\0tanstaaftanstaaf')).toEqual({
      user: 'tim',
      password: 'tanstaaftanstaaf',
    })
  })

  test('acting as oneself is allowed, as another not', () => {
    expect(decoded('tim\0tim\0secret')).toEqual({ user: 'tim', password: 'secret' })
    expect(decoded('Ursel\0Kurt\0xipj3plmq')).toBe('sasl/not-authorized')
  })

  test.each(['', 'tim', '\0tim', '\0\0secret', '\0tim\0', '\0tim\0secret\0'])(
    '%j is no message',
    (text) => {
      expect(decoded(text)).toBe('sasl/bad-message')
    },
  )

  test('what is not UTF-8 is no message', () => {
    expect(decodePlain(Uint8Array.of(0, 0xff, 0, 0x61)).ok).toBe(false)
  })

  test('each part may have 255 octets and no more', () => {
    const long = 'é'.repeat(127)
    expect(decoded(`\0${long}x\0${long}`)).toEqual({ user: `${long}x`, password: long })
    expect(decoded(`\0${long}xy\0${long}`)).toBe('sasl/bad-message')
  })

  test('without an initial response there is an empty challenge', () => {
    const { said, step } = run('PLAIN', [encodePlain({ user: 'a', password: 'b' })], false)
    expect(said).toEqual([''])
    expect(step).toEqual({ type: 'credentials', credentials: { user: 'a', password: 'b' } })
  })
})

describe('LOGIN (draft-murchison-sasl-login §2)', () => {
  test('it asks for the user, then for the password', () => {
    const responses = clientResponses('LOGIN', { user: 'tim', password: 'tanstaaftanstaaf' })
    expect(run('LOGIN', responses, false)).toEqual({
      said: ['Username:', 'Password:'],
      step: {
        type: 'credentials',
        credentials: { user: 'tim', password: 'tanstaaftanstaaf' },
      },
    })
  })

  test.each([
    ['', 'x'],
    ['a', ''],
    ['a\0', 'x'],
    ['x'.repeat(PART_MAX + 1), 'x'],
  ])('%j, %j is refused', (user, password) => {
    const { step } = run('LOGIN', [fromUtf8(user), fromUtf8(password)], true)
    expect(step?.type).toBe('refused')
  })
})

const mechanism = fc.constantFrom<PasswordMechanism>('PLAIN', 'LOGIN')
const part = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
  .filter((text) => !text.includes('\0') && fromUtf8(text).length <= PART_MAX)

test('property: the server learns what the client meant', () => {
  fc.assert(
    fc.property(mechanism, part, part, fc.boolean(), (chosen, user, password, initial) => {
      const credentials = { user, password }
      const { step } = run(chosen, clientResponses(chosen, credentials), initial)
      expect(step).toEqual({ type: 'credentials', credentials })
    }),
  )
})

test('property: no bytes make the exchange throw', () => {
  fc.assert(
    fc.property(mechanism, fc.array(fc.uint8Array({ maxLength: 20 })), (chosen, responses) => {
      run(chosen, responses, true)
    }),
  )
})
