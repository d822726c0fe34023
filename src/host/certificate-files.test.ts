import { X509Certificate } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { namesOf } from './certificate.ts'
import {
  authorityFiles,
  CERTIFICATE_DAYS,
  createAuthority,
  createCertificate,
  ensureCertificate,
  expectCurrent,
  readAuthorities,
  readIdentity,
  validityOf,
} from './certificate-files.ts'
import { TlsKeeper } from './tls-keeper.ts'

const now = Date.now()
const DAY_MS = 86_400_000
const names = { dns: ['mail-1.a.com'], ip: [], nodeIds: ['ipn:2.0'] }
let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lightlag-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

const at = (name: string): string => join(directory, name)
const faultOf = (action: () => unknown): unknown => {
  try {
    action()
    return undefined
  } catch (error) {
    return error
  }
}
const issue = (name: string, days = 10): { certificate: string; key: string } => {
  const files = { certificate: at(`${name}.pem`), key: at(`${name}.key`) }
  createCertificate(directory, files, names, validityOf(days, now))
  return files
}

describe('certificates of our own', () => {
  test('are made at the first start, keys for their owner alone, and are there at the next', () => {
    const files = ensureCertificate(directory, names, now)
    const first = readFileSync(files.certificate, 'utf8')
    expect(namesOf(new X509Certificate(first).raw)).toEqual(names)
    expect(readdirSync(directory).sort()).toEqual([
      'authority.key',
      'authority.pem',
      'host.key',
      'host.pem',
    ])
    for (const key of ['authority.key', 'host.key'])
      expect(statSync(at(key)).mode & 0o777).toBe(0o600)
    ensureCertificate(directory, names, now)
    expect(readFileSync(files.certificate, 'utf8')).toBe(first)
  })

  test('are made anew, by the same authority, for other names and when they soon expire', () => {
    const { certificate } = ensureCertificate(directory, names, now)
    const authority = readFileSync(authorityFiles(directory).certificate, 'utf8')
    const first = readFileSync(certificate, 'utf8')
    const others = { ...names, dns: ['mail-2.a.com'] }
    ensureCertificate(directory, others, now)
    const second = readFileSync(certificate, 'utf8')
    expect(namesOf(new X509Certificate(second).raw)).toEqual(others)
    ensureCertificate(directory, others, now + (CERTIFICATE_DAYS - 31) * DAY_MS)
    expect(readFileSync(certificate, 'utf8')).toBe(second)
    ensureCertificate(directory, others, now + (CERTIFICATE_DAYS - 29) * DAY_MS)
    const third = readFileSync(certificate, 'utf8')
    expect(new Set([first, second, third]).size).toBe(3)
    expect(readFileSync(authorityFiles(directory).certificate, 'utf8')).toBe(authority)
  })

  test('never take the place of what is there', () => {
    createAuthority(directory, 'Mine', validityOf(10, now))
    expect(faultOf(() => createAuthority(directory, 'Mine', validityOf(10, now)))).toMatchObject({
      code: 'certificate/exists',
    })
    issue('a')
    expect(faultOf(() => issue('a'))).toMatchObject({ code: 'certificate/exists' })
  })

  test('are not made without the key of the authority', () => {
    createAuthority(directory, 'Mine', validityOf(10, now))
    rmSync(at('authority.key'))
    expect(faultOf(() => issue('a'))).toMatchObject({
      code: 'certificate/missing',
      message: `${at('authority.key')}: no such file`,
    })
  })
})

describe('certificates in files', () => {
  beforeEach(() => createAuthority(directory, 'Mine', validityOf(10, now)))

  test('are read with those that lead to their authority', () => {
    const files = issue('a')
    writeFileSync(
      files.certificate,
      readFileSync(files.certificate, 'utf8') + readFileSync(at('authority.pem'), 'utf8'),
    )
    expect(readIdentity(files).certificate.match(/BEGIN/g)).toHaveLength(2)
    expect(readAuthorities(at('authority.pem'))).toContain('BEGIN CERTIFICATE')
  })

  const broken: readonly {
    readonly what: string
    readonly change: (files: { certificate: string; key: string }) => void
    readonly code: string
    readonly message: RegExp
  }[] = [
    {
      what: 'a certificate that is not there',
      change: ({ certificate }) => rmSync(certificate),
      code: 'certificate/missing',
      message: /a\.pem: no such file/,
    },
    {
      what: 'a key that is not there',
      change: ({ key }) => rmSync(key),
      code: 'certificate/missing',
      message: /a\.key: no such file/,
    },
    {
      what: 'a folder in place of a certificate',
      change: ({ certificate }) => {
        rmSync(certificate)
        mkdirSync(certificate)
      },
      code: 'certificate/unreadable',
      message: /a\.pem cannot be read/,
    },
    {
      what: 'a certificate that is none',
      change: ({ certificate }) => writeFileSync(certificate, 'hello'),
      code: 'certificate/malformed',
      message: /no certificate in PEM/,
    },
    {
      what: 'a key that is none',
      change: ({ key }) => writeFileSync(key, 'hello'),
      code: 'certificate/malformed',
      message: /no private key in PEM/,
    },
    {
      what: 'the key of another certificate',
      change: ({ key }) => copyFileSync(issue('b').key, key),
      code: 'certificate/key-mismatch',
      message: /a\.key is not the key of .*a\.pem/,
    },
    {
      what: 'a key that others may read',
      change: ({ key }) => chmodSync(key, 0o644),
      code: 'certificate/key-exposed',
      message: /\(mode 644\): mode 600 would be right/,
    },
  ]
  for (const { what, change, code, message } of broken) {
    test(`are refused with the file and what would be right: ${what}`, () => {
      const files = issue('a')
      change(files)
      expect(faultOf(() => readIdentity(files))).toMatchObject({
        code,
        message: expect.stringMatching(message),
        temporary: false,
      })
    })
  }

  test('are refused before and after their time', () => {
    const files = issue('a')
    for (const then of [now - 2 * DAY_MS, now + 11 * DAY_MS]) {
      const { certificate } = readIdentity(files)
      expect(faultOf(() => expectCurrent(certificate, files.certificate, then))).toMatchObject({
        code: 'certificate/out-of-date',
        message: expect.stringMatching(/a\.pem is valid from .* to .*, and now it is/),
      })
    }
  })

  test('a key that a group may read is in order', () => {
    const files = issue('a')
    chmodSync(files.key, 0o640)
    expect(readIdentity(files).key).toContain('PRIVATE KEY')
  })

  test('a certificate of a host is no authority', () => {
    expect(faultOf(() => readAuthorities(issue('a').certificate))).toMatchObject({
      code: 'certificate/malformed',
      message: expect.stringMatching(/for mail-1\.a\.com, ipn:2\.0, which is no authority/),
    })
  })
})

describe('a keeper of certificates', () => {
  test('takes what has changed without a restart, and keeps what it has where that is of no use', () => {
    createAuthority(directory, 'Mine', validityOf(10, now))
    const identity = issue('a')
    const keeper = new TlsKeeper(
      { identity, authority: at('authority.pem'), directory, names },
      () => now,
    )
    expect(keeper.reload()).toBe(false)
    const renewed = issue('b')
    copyFileSync(renewed.key, identity.key)
    expect(faultOf(() => keeper.reload())).toMatchObject({ code: 'certificate/key-mismatch' })
    copyFileSync(renewed.certificate, identity.certificate)
    const { identity: handle } = keeper
    expect(keeper.reload()).toBe(true)
    expect(keeper.identity).toBe(handle)
    expect(keeper.reload()).toBe(false)
  })

  test('starts with a certificate that is out of date, and says so once a day', () => {
    createAuthority(directory, 'Mine', validityOf(10, now))
    const identity = issue('a')
    let time = now + 11 * DAY_MS
    const keeper = new TlsKeeper({ identity, directory, names }, () => time)
    expect(keeper.warning()).toMatch(
      /a\.pem is valid from .* to .*, and now it is .* GMT: a current/,
    )
    const hourly = Array.from({ length: 48 }, () => {
      time += 3_600_000
      expect(keeper.reload()).toBe(false)
      return keeper.warning()
    })
    expect(hourly.filter((warning) => warning !== undefined)).toHaveLength(2)
    // The clock is set back to when it was valid for some days more.
    time = now
    expect(keeper.warning()).toMatch(/a\.pem is valid until .* and no longer: a new one by then/)
    expect(keeper.warning()).toBeUndefined()
  })

  test('does not take one that is out of date in place of one that is not', () => {
    createAuthority(directory, 'Mine', validityOf(100, now))
    const identity = issue('a', 100)
    const time = now + 20 * DAY_MS
    const keeper = new TlsKeeper({ identity, directory, names }, () => time)
    expect(keeper.warning()).toBeUndefined()
    const old = issue('b', 10)
    copyFileSync(old.certificate, identity.certificate)
    copyFileSync(old.key, identity.key)
    expect(faultOf(() => keeper.reload())).toMatchObject({ code: 'certificate/out-of-date' })
    expect(keeper.warning()).toBeUndefined()
    const renewed = issue('c', 100)
    copyFileSync(renewed.certificate, identity.certificate)
    copyFileSync(renewed.key, identity.key)
    expect(keeper.reload()).toBe(true)
  })

  test('renews what is its own when it soon expires', () => {
    let time = now
    const keeper = new TlsKeeper({ directory, names }, () => time)
    expect(keeper.trust).toBeDefined()
    time += (CERTIFICATE_DAYS - 10) * DAY_MS
    expect(keeper.reload()).toBe(true)
  })

  test('believes the authorities of the system where only a certificate is named', () => {
    createAuthority(directory, 'Mine', validityOf(10, now))
    const keeper = new TlsKeeper({ identity: issue('a'), directory, names }, () => now)
    expect(keeper.trust).toBeUndefined()
  })
})
