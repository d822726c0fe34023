import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type ImapCommand, parseCommand, parseTag, verbOf } from './command.ts'
import {
  FETCH_ITEMS_MAX,
  FLAGS_MAX,
  LIST_PATTERNS_MAX,
  NESTING_MAX,
  PART_DEPTH_MAX,
  SEARCH_KEYS_MAX,
  TAG_LENGTH_MAX,
} from './limits.ts'

function parsed(text: string, utf8 = false): ImapCommand | string {
  const result = parseCommand(`a ${text}`, utf8)
  return result.ok ? result.value : result.fault.code
}

describe('words, strings and literals (RFC 9051 §9)', () => {
  test('a string may be an atom, quoted, or a literal that stands in the command', () => {
    const login = { verb: 'LOGIN', user: 'ada', password: 'a "b" \\c' }
    expect(parsed('LOGIN ada "a \\"b\\" \\\\c"')).toEqual(login)
    expect(parsed('login {3}\r\nada {8+}\r\na "b" \\c')).toEqual(login)
  })

  test.each([
    'LOGIN ada',
    'LOGIN ada b c',
    'LOGIN "ada b',
    'LOGIN {9}\r\nada b',
    'LOGIN a(b c',
    'NOOP x',
    'SELECT',
    'SELECT a (FOO)',
    'FETCH 1 ()',
    'FETCH 0 FLAGS',
    'FETCH 1,, FLAGS',
    'FETCH 4294967296 FLAGS',
    'FETCH 1 BODY[MIME]',
    'FETCH 1 BODY[1.0]',
    'FETCH 1 BODY[]<0.0>',
    'FETCH 1 (FLAGS) (VANISHED)',
    'FETCH 1 (FLAGS) (CHANGEDSINCE 1 VANISHED)',
    'STORE 1 FLAGS',
    'STORE 1 FLAGS (\\Recent)',
    'SEARCH',
    'SEARCH OR SEEN',
    'SEARCH YOUNGER 0',
    'SEARCH SENTON 31-Jun-2026',
    'SORT (SIZE REVERSE) UTF-8 ALL',
    'LIST (RECURSIVEMATCH) "" *',
  ])('%j is a mistake', (text) => {
    expect(parsed(text)).toBe('imap/bad-syntax')
  })

  test('what is no command is called unknown', () => {
    expect(parsed('FROB')).toBe('imap/bad-syntax')
    expect(parsed('FROB x')).toBe('imap/unknown-command')
    expect(parsed('UID LIST x')).toBe('imap/unknown-command')
  })

  test('a tag has no plus, and a command says its verb whatever comes after it', () => {
    expect(parseTag('a.1 NOOP')).toBe('a.1')
    expect(parseTag('+ NOOP')).toBeUndefined()
    expect(parseTag('* NOOP')).toBeUndefined()
    expect(verbOf('a uid fetch 1')).toBe('UID FETCH')
    expect(verbOf('a')).toBe('?')
  })
})

describe('names of mailboxes', () => {
  test('are in modified UTF-7 until UTF-8 was agreed on (RFC 3501 §5.1.3)', () => {
    expect(parsed('SELECT "Entw&APw-rfe"')).toMatchObject({ mailbox: 'Entwürfe' })
    expect(parsed('SELECT "Entw&APw-rfe"', true)).toMatchObject({ mailbox: 'Entw&APw-rfe' })
    expect(parsed('SELECT "Entw\xc3\xbcrfe"', true)).toMatchObject({ mailbox: 'Entwürfe' })
    expect(parsed('SELECT "Entw\xc3\xbcrfe"')).toBe('imap/bad-name')
    expect(parsed('SELECT {2}\r\n\xff\xff', true)).toBe('imap/bad-name')
  })

  test('INBOX is one in any case, and a separator at the end says what was meant (RFC 9051 §6.3.4)', () => {
    expect(parsed('SELECT inBox')).toMatchObject({ mailbox: 'INBOX' })
    expect(parsed('CREATE inBox/Lists/')).toMatchObject({ mailbox: 'INBOX/Lists' })
  })

  test('CREATE with a use (RFC 6154 §3)', () => {
    expect(parsed('CREATE Old (USE (\\Archive))')).toEqual({
      verb: 'CREATE',
      mailbox: 'Old',
      uses: ['\\Archive'],
    })
  })
})

test('SELECT tells what its client knows (RFC 7162 §3.2.5)', () => {
  expect(parsed('SELECT INBOX (QRESYNC (67890007 20050715194045000 41,43:211 (1:2 3:4)))')).toEqual(
    {
      verb: 'SELECT',
      mailbox: 'INBOX',
      condstore: false,
      qresync: {
        uidValidity: 67_890_007,
        modseq: Number.MAX_SAFE_INTEGER,
        knownUids: {
          type: 'set',
          ranges: [
            [41, 41],
            [43, 211],
          ],
        },
        match: {
          numbers: { type: 'set', ranges: [[1, 2]] },
          uids: { type: 'set', ranges: [[3, 4]] },
        },
      },
    },
  )
})

test('FETCH names parts, sections, and what of them (RFC 9051 §6.4.5)', () => {
  const command = parsed(
    'UID FETCH 1:* (UID BODY.PEEK[1.2.HEADER.FIELDS (To "X-\\"")]<5.10> BINARY.SIZE[2] RFC822.TEXT) (CHANGEDSINCE 7 VANISHED)',
  )
  expect(command).toMatchObject({
    uid: true,
    changedSince: 7,
    vanished: true,
    items: [
      { type: 'attribute', name: 'UID' },
      {
        type: 'body',
        label: 'BODY[1.2.HEADER.FIELDS (To "X-\\"")]',
        section: { part: [1, 2], text: { type: 'fields', names: ['To', 'X-"'], not: false } },
        peek: true,
        partial: { offset: 5, length: 10 },
      },
      { type: 'binary-size', part: [2] },
      { type: 'body', label: 'RFC822.TEXT', peek: false, section: { text: { type: 'text' } } },
    ],
  })
  expect(parsed('FETCH 1 FAST')).toMatchObject({
    items: [{ name: 'FLAGS' }, { name: 'INTERNALDATE' }, { name: 'RFC822.SIZE' }],
  })
})

test('STORE says what, whether, and how loud', () => {
  expect(parsed('STORE 1,3 (UNCHANGEDSINCE 12) -FLAGS.SILENT \\seen $Junk')).toEqual({
    verb: 'STORE',
    uid: false,
    set: {
      type: 'set',
      ranges: [
        [1, 1],
        [3, 3],
      ],
    },
    unchangedSince: 12,
    operation: 'remove',
    silent: true,
    flags: ['\\Seen', '$Junk'],
  })
})

test('SEARCH, SORT and THREAD read keys in keys', () => {
  expect(
    parsed('UID SEARCH RETURN (MIN SAVE) CHARSET utf-8 OR FROM "m\xc3\xbc" (UNSEEN NOT $)'),
  ).toEqual({
    verb: 'SEARCH',
    uid: true,
    results: ['MIN', 'SAVE'],
    key: {
      type: 'or',
      left: { type: 'header', field: 'from', value: 'mü' },
      right: {
        type: 'and',
        keys: [
          { type: 'not', key: { type: 'flag', flag: '\\Seen' } },
          { type: 'not', key: { type: 'numbers', set: { type: 'saved' } } },
        ],
      },
    },
  })
  expect(parsed('SORT (REVERSE DATE SIZE) UTF-8 MODSEQ "/flags/x" all 7')).toMatchObject({
    criteria: [
      { by: 'DATE', reverse: true },
      { by: 'SIZE', reverse: false },
    ],
    key: { type: 'modseq', atLeast: 7 },
  })
  expect(parsed('SEARCH CHARSET KOI8-R ALL')).toBe('imap/bad-charset')
})

test('LIST chooses, and says what to tell (RFC 5258 §3, RFC 5819 §2)', () => {
  expect(
    parsed('LIST (SUBSCRIBED) "" ("INBOX" a/%) RETURN (CHILDREN STATUS (MESSAGES SIZE))'),
  ).toEqual({
    verb: 'LIST',
    selection: ['SUBSCRIBED'],
    reference: '',
    patterns: ['INBOX', 'a/%'],
    returns: ['CHILDREN'],
    status: ['MESSAGES', 'SIZE'],
    isExtended: true,
  })
  expect(parsed('LIST "" *')).toMatchObject({ isExtended: false, patterns: ['*'] })
})

describe('bounds', () => {
  test('nesting', () => {
    const nested = (depth: number): string => `SEARCH ${'('.repeat(depth)}ALL${')'.repeat(depth)}`
    expect(parsed(nested(NESTING_MAX - 1))).toEqual({
      verb: 'SEARCH',
      uid: false,
      results: undefined,
      key: { type: 'all' },
    })
    expect(parsed(nested(NESTING_MAX + 1))).toBe('imap/too-large')
    expect(parsed(nested(1_000_000))).toBe('imap/too-large')
    expect(parsed(`SEARCH ${'NOT '.repeat(1_000_000)}ALL`)).toBe('imap/too-large')
  })

  test('search keys', () => {
    expect(parsed(`SEARCH${' ALL'.repeat(SEARCH_KEYS_MAX)}`)).toMatchObject({ verb: 'SEARCH' })
    expect(parsed(`SEARCH${' ALL'.repeat(SEARCH_KEYS_MAX + 1)}`)).toBe('imap/too-large')
  })

  test('a sequence set as long as a command can be is read, and never written out', () => {
    const ranges = Array.from({ length: 30_000 }, (_, i) => `${4_294_967_295 - i}:1`)
    expect(parsed(`FETCH ${ranges.join(',')} FLAGS`)).toMatchObject({ verb: 'FETCH' })
  })

  test('flags, items and fields', () => {
    expect(parsed(`STORE 1 FLAGS (${'a '.repeat(2000)}a)`)).toBe('imap/too-large')
    expect(parsed(`FETCH 1 (${'UID '.repeat(2000)}UID)`)).toBe('imap/too-large')
    expect(parsed(`FETCH 1 BODY[${'1.'.repeat(2000)}1]`)).toBe('imap/bad-syntax')
  })

  test('each list takes as many as it may and no more', () => {
    const of = (count: number, what: string): string => Array(count).fill(what).join(' ')
    const bounds: readonly (readonly [number, (count: number) => string, string])[] = [
      [FLAGS_MAX, (count) => `STORE 1 FLAGS (${of(count, 'a')})`, 'STORE'],
      [FETCH_ITEMS_MAX, (count) => `FETCH 1 (${of(count, 'UID')})`, 'FETCH'],
      [FETCH_ITEMS_MAX, (count) => `FETCH 1 BODY[HEADER.FIELDS (${of(count, 'To')})]`, 'FETCH'],
      [LIST_PATTERNS_MAX, (count) => `LIST "" (${of(count, '*')})`, 'LIST'],
      [PART_DEPTH_MAX, (count) => `FETCH 1 BODY[${of(count, '1').replaceAll(' ', '.')}]`, 'FETCH'],
    ]
    for (const [max, command, verb] of bounds) {
      expect(parsed(command(max))).toMatchObject({ verb })
      expect(parsed(command(max + 1))).toMatch(/^imap\//)
    }
  })

  test('a tag of a length that nobody uses is none', () => {
    expect(parseTag(`${'a'.repeat(TAG_LENGTH_MAX)} NOOP`)).toBeDefined()
    expect(parseTag(`${'a'.repeat(TAG_LENGTH_MAX + 1)} NOOP`)).toBeUndefined()
  })
})

test('property: no text makes the parser throw', () => {
  const words = fc.constantFrom(
    ...'FETCH STORE SEARCH SORT UID LIST ( ) [ ] " {3} {3+} $ * 1:* BODY[ \\Seen NOT OR RETURN (ALL) \r\n'.split(
      ' ',
    ),
    ' ',
  )
  fc.assert(
    fc.property(
      fc.array(fc.oneof(words, fc.string({ unit: 'binary-ascii' }))),
      fc.boolean(),
      (parts, utf8) => {
        parseCommand(`a ${parts.join(' ')}`, utf8)
        parseCommand(parts.join(''), utf8)
      },
    ),
  )
})
