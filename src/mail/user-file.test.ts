import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Account } from './accounts.ts'
import { APP_PASSWORDS_MAX, USER_LINE_MAX, USERS_MAX } from './limits.ts'
import { formatUsers, parseUsers } from './user-file.ts'

const HASH = `$argon2id$v=19$m=19456,t=2,p=1$${'c2FsdHNhbHRzYWx0c2E'}$${'A'.repeat(43)}`
const ANN: Account = {
  name: 'ann',
  argon2: HASH,
  scram: {
    salt: Uint8Array.of(1, 2, 3),
    iterations: 15_000,
    storedKey: new Uint8Array(32).fill(4),
    serverKey: new Uint8Array(32).fill(5),
  },
  appPasswords: [{ label: 'phone', id: 'ab2c', argon2: HASH }],
}
const key = fc.uint8Array({ minLength: 32, maxLength: 32 })
const account: fc.Arbitrary<Account> = fc.record(
  {
    name: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._+-]{0,20}$/),
    argon2: fc.constant(HASH),
    scram: fc.record({
      salt: fc.uint8Array({ minLength: 1, maxLength: 32 }),
      iterations: fc.integer({ min: 4096, max: 10_000_000 }),
      storedKey: key,
      serverKey: key,
    }),
    appPasswords: fc.uniqueArray(
      fc.record({
        label: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/),
        id: fc.stringMatching(/^[a-z2-7]{4}$/),
        argon2: fc.constant(HASH),
      }),
      { maxLength: 3, selector: ({ label }) => label, comparator: (a, b) => a === b },
    ),
  },
  { requiredKeys: ['name', 'argon2', 'appPasswords'] },
)

function problemsOf(text: string): readonly string[] {
  const read = parseUsers(text, 'users')
  return read.ok ? [] : read.fault.message.split('\n')
}

describe('the file of users', () => {
  it('reads what it has written', () => {
    expect(parseUsers(formatUsers([ANN]), 'users')).toEqual({ ok: true, value: [ANN] })
    fc.assert(
      fc.property(
        fc.uniqueArray(account, { selector: ({ name }) => name.toLowerCase() }),
        (accounts) => {
          const ids = accounts.flatMap(({ appPasswords }) => appPasswords.map(({ id }) => id))
          fc.pre(new Set(ids).size === ids.length)
          expect(parseUsers(formatUsers(accounts), 'users')).toEqual({ ok: true, value: accounts })
        },
      ),
    )
  })

  it('no text makes it throw', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void parseUsers(text, 'users')))
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...formatUsers([ANN]), '\n', ':')), (characters) => {
        parseUsers(characters.join(''), 'users')
      }),
    )
  })

  it('takes comments, empty lines and line ends of Windows', () => {
    const text = `# who\r\n\r\n  ann   ${HASH}\r\n`
    expect(parseUsers(text, 'users')).toMatchObject({ ok: true, value: [{ name: 'ann' }] })
  })

  it('says where and what would be right, of every line, and never tells a hash', () => {
    const lines = [
      '.ann x',
      `bob`,
      `eve 123456`,
      `ann ${HASH} app:phone`,
      `Ann ${HASH}`,
      `ann ${HASH}`,
    ]
    const problems = problemsOf(lines.join('\n'))
    expect(problems.map((line) => line.split(': ')[0])).toEqual([
      'users:1:1',
      'users:2:4',
      'users:3:5',
      `users:4:${HASH.length + 6}`,
      'users:6:1',
    ])
    expect(problems[1]).toContain('"lightlag user passwd bob" would be right')
    expect(problems.join()).not.toMatch(/123456|argon2id\$/)
  })

  it('refuses keys of SCRAM that are none, and the same label or beginning twice', () => {
    const wrong = [
      'scram-sha-256:1:AQ==:AQ==:AQ==',
      'scram-sha-1:15000:AQ==:AQ==:AQ==',
      `app:a:ab2c:${HASH} app:a:ab2d:${HASH}`,
      `app:a:ab2c:${HASH} app:b:ab2c:${HASH}`,
      `app:a:AB2C:${HASH}`,
    ]
    for (const fields of wrong) expect(problemsOf(`ann ${HASH} ${fields}`)).toHaveLength(1)
  })

  it('is bounded: users, app passwords of one, the length of a line', () => {
    const many = Array.from({ length: USERS_MAX + 1 }, (_, n) => `u${n} ${HASH}\n`).join('')
    expect(problemsOf(many)).toHaveLength(1)
    const ids = Array.from(
      { length: APP_PASSWORDS_MAX + 1 },
      (_, n) =>
        `app:l${n}:aa${'abcdefghijklmnopqrstuvwxyz'[n % 26]}${'abcdefghijklmnopqrstuvwxyz'[Math.floor(n / 26)]}:${HASH}`,
    )
    expect(problemsOf(`ann ${HASH} ${ids.join(' ')}`)).toHaveLength(1)
    expect(problemsOf(`ann ${HASH} ${ids.slice(1).join(' ')}`)).toEqual([])
    expect(problemsOf(`ann ${' '.repeat(USER_LINE_MAX)}`)[0]).toContain('users:1:')
  })
})
