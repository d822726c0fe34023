import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fromLatin1, toLatin1 } from '../../src/base/bytes.ts'
import { wallMs } from '../../src/base/time.ts'
import { hostClock } from '../../src/host/clock.ts'
import { hostDisk } from '../../src/host/disk.ts'
import { hostEntropy } from '../../src/host/entropy.ts'
import { LabStore } from '../../src/lab/store.ts'
import type { OpenMailbox } from '../../src/mail/mailbox/mailbox.ts'
import { Mailboxes } from '../../src/mail/mailbox/mailboxes.ts'

let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lightlag-mailbox-'))
})

afterEach(() => rmSync(directory, { recursive: true }))

const at = (...names: readonly string[]): string => join(directory, ...names)

function lightlag(args: readonly string[], input = '') {
  const words = ['dist/cmd/lightlag.js', ...args]
  const { status, stdout, stderr } = spawnSync(process.execPath, words, {
    input,
    encoding: 'latin1',
  })
  return { status, stdout, stderr }
}

async function opened(maildir: string, name = 'INBOX'): Promise<OpenMailbox> {
  const ports = {
    disk: hostDisk,
    clock: hostClock,
    entropy: hostEntropy,
    openIndex: async () => new LabStore(),
  }
  const options = { hostname: 'mail.a.com', maildirOf: () => maildir }
  return new Mailboxes(options, ports).of('user').open(name)
}

interface Kept {
  readonly text: string
  readonly flags: readonly string[]
  readonly second: number
}

async function contents(maildir: string, name?: string): Promise<readonly Kept[]> {
  const mailbox = await opened(maildir, name)
  const messages: Kept[] = []
  for (const uid of mailbox.uids) {
    const content = await mailbox.content(uid)
    const { flags = [], internalDate = 0 } = mailbox.metadata(uid) ?? {}
    const text = toLatin1(await content.read(0, content.sizeBytes))
    messages.push({ text, flags: [...flags].sort(), second: internalDate / 1000 })
    await content.close()
  }
  mailbox.close()
  return messages
}

const MESSAGES: readonly Kept[] = [
  { text: 'Status: O\r\nSubject: a\r\n\r\nFrom here\r\n>From\r\n\r\n', flags: [], second: 1_000 },
  {
    text: 'Return-Path: <ann@a.com>\r\nSubject: b\r\n\r\n',
    flags: ['$Forwarded', '\\Answered', '\\Seen'],
    second: 1_600_000_000,
  },
  {
    text: 'Subject: c\r\n\r\n\xff\x00\r\n',
    flags: ['\\Deleted', '\\Draft', '\\Flagged', 'work'],
    second: 1_700_000_000,
  },
  { text: 'Subject: c\r\n\r\n\xff\x00\r\n', flags: [], second: 1_700_000_001 },
  {
    text: `Subject: d\r\n\r\n${'From me, at length\r\n'.repeat(20_000)}`,
    flags: [],
    second: 1_700_000_002,
  },
]

async function filled(maildir: string): Promise<void> {
  const mailbox = await opened(maildir)
  for (const { text, flags, second } of MESSAGES) {
    const draft = await mailbox.append({ flags, internalDate: wallMs(second * 1000) })
    await draft.write(fromLatin1(text))
    await mailbox.commit([draft])
  }
  mailbox.close()
}

test('what is exported as mbox or Maildir and imported again is as it was, with flags and times', async () => {
  await filled(at('from'))
  expect(await contents(at('from'))).toEqual(MESSAGES)
  for (const format of ['mbox', 'maildir']) {
    const exported = lightlag([
      'mailbox',
      'export',
      at(format),
      '--format',
      format,
      '--maildir',
      at('from'),
    ])
    expect(exported).toMatchObject({ status: 0, stdout: `5 messages exported to ${at(format)}\n` })
    const place = ['--maildir', at(`to-${format}`), '--mailbox', 'Archive/old']
    const imported = lightlag(['mailbox', 'import', at(format), ...place, '--json'])
    expect(imported.stderr).toBe('')
    expect(JSON.parse(imported.stdout)).toMatchObject({ format, imported: 5, present: 0 })
    expect(await contents(at(`to-${format}`), 'Archive/old')).toEqual(MESSAGES)
    const again = lightlag(['mailbox', 'import', at(format), ...place])
    expect(again.stdout).toMatch(/^0 messages imported into .*, 5 were there already\n$/)
    expect(await contents(at(`to-${format}`), 'Archive/old')).toEqual(MESSAGES)
  }
  const taken = lightlag(['mailbox', 'export', at('mbox'), '--maildir', at('from')])
  expect([taken.status, taken.stderr]).toEqual([1, expect.stringContaining('is there already')])
})

test('eml files have texts and times', async () => {
  await filled(at('from'))
  const place = ['--format', 'eml', '--maildir', at('from')]
  expect(lightlag(['mailbox', 'export', at('eml'), ...place]).status).toBe(0)
  expect(lightlag(['mailbox', 'export', at('eml'), ...place]).stdout).toContain('5 were there')
  expect(readdirSync(at('eml')).every((name) => name.endsWith('.eml'))).toBe(true)
  expect(lightlag(['mailbox', 'import', at('eml'), '--maildir', at('to')]).status).toBe(0)
  expect(await contents(at('to'))).toEqual(MESSAGES.map((one) => ({ ...one, flags: [] })))
  writeFileSync(at('one.eml'), 'Subject: e\n\nhello\n')
  utimesSync(at('one.eml'), 5, 5)
  expect(lightlag(['mailbox', 'import', at('one.eml'), '--maildir', at('one')]).status).toBe(0)
  const [only] = await contents(at('one'))
  expect(only).toEqual({ text: 'Subject: e\r\n\r\nhello\r\n', flags: [], second: 5 })
})

test('an mbox file that is none, or is broken, is told by its line; what came before stays and is known again', async () => {
  const first = 'From a Tue Nov  3 08:00:00 2026\nSubject: a\nStatus: RO\n\nhello\n\n'
  const big = `From a Tue Nov  3 08:00:00 2026\n\n${'x\n'.repeat(300_000)}\n`
  writeFileSync(at('broken'), `${first}${big}From here on\n`)
  const broken = lightlag(['mailbox', 'import', at('broken'), '--maildir', at('to')])
  expect(broken.status).toBe(1)
  expect(broken.stdout).toMatch(/^1 messages imported/)
  expect(broken.stderr).toMatch(/line 300010: begins with "From " and is no separator.*\nwhat was/)
  expect(readdirSync(at('to', 'tmp'))).toEqual([])
  writeFileSync(at('broken'), `${first}${big}`)
  const mended = lightlag(['mailbox', 'import', at('broken'), '--maildir', at('to')])
  expect(mended.stdout).toMatch(/^1 messages imported into .*, 1 were there already\n/)
  expect((await contents(at('to')))[0]?.flags).toEqual(['\\Seen'])
  const absent = lightlag(['mailbox', 'import', at('none'), '--maildir', at('to')])
  expect([absent.status, absent.stderr]).toEqual([2, expect.stringContaining('no such file')])
  const nowhere = lightlag(['mailbox', 'import', at('broken')])
  expect([nowhere.status, nowhere.stderr]).toEqual([2, expect.stringContaining('which mailbox?')])
})

const LETTER = 'Subject: hi\n\nFrom me\n'

test('a mail is delivered into a Maildir or an mbox file, with its trace fields', () => {
  const from = ['-f', 'ann@a.com', '-a', 'user@b.com']
  expect(lightlag(['deliver', ...from, '--to', `${at('Maildir')}/`, 'user'], LETTER).status).toBe(0)
  const [name = ''] = readdirSync(at('Maildir', 'new'))
  const trace = 'Return-Path: <ann@a.com>\r\nDelivered-To: user@b.com\r\n'
  expect(readFileSync(at('Maildir', 'new', name), 'latin1')).toBe(
    `${trace}${LETTER.replaceAll('\n', '\r\n')}`,
  )
  const postfix = `From bob@c.com  Tue Nov  3 08:00:00 2026\n${LETTER}`
  for (const input of [LETTER, postfix]) {
    expect(lightlag(['deliver', '--to', at('spool'), 'user'], input)).toMatchObject({ status: 0 })
  }
  const [first, second, ...others] = readFileSync(at('spool'), 'latin1').split(/(?<=\n\n)(?=From )/)
  expect(others).toEqual([])
  expect(first).toMatch(/^From MAILER-DAEMON .*\nSubject: hi\n\n>From me\n\n$/)
  expect(second).toMatch(
    /^From bob@c.com .*\nReturn-Path: <bob@c.com>\nSubject: hi\n\n>From me\n\n$/,
  )
  expect(statSync(at('spool')).mode & 0o777).toBe(0o600)
})

test('a mailbox that is not there is told: nothing is put where nobody would find it', () => {
  const config = at('host.yaml')
  writeFileSync(
    config,
    `host: a.com\nnode: ipn:2\ndirectory: var\nusers: [{ name: ann, password: x }]\n`,
  )
  writeFileSync(at('letter.eml'), LETTER)
  const into = (user: string) =>
    lightlag(['mailbox', 'import', at('letter.eml'), '--config', config, '--user', user])
  for (const user of ['anne', '../ann']) {
    const { status, stderr } = into(user)
    expect([status, stderr]).toEqual([1, expect.stringContaining(`there is no user ${user}`)])
  }
  expect(existsSync(at('var'))).toBe(false)
  expect(into('Ann').status).toBe(0)
  expect(readdirSync(at('var', 'home', 'ann', 'Maildir', 'cur'))).toHaveLength(1)
  const from = ['--config', config, '--user', 'ann', '--mailbox', 'Sent']
  const { status, stderr } = lightlag(['mailbox', 'export', at('sent.mbox'), ...from])
  expect([status, stderr]).toEqual([1, expect.stringContaining('there is no mailbox')])
  expect(existsSync(at('sent.mbox'))).toBe(false)
})

test('a user of a host is found; all else is told as in sysexits.h', () => {
  const config = at('host.yaml')
  const text = readFileSync('etc/mail-1.yaml', 'utf8').replaceAll('../var/mail-1', 'var')
  writeFileSync(config, text)
  const status = (args: readonly string[], input = LETTER): number | null =>
    lightlag(['deliver', ...args], input).status
  const user = 'ann'
  expect(lightlag(['user', 'add', user, '--config', config], 'secret word\n').status).toBe(0)
  expect(status(['--config', config, user])).toBe(0)
  expect(readdirSync(at('var', 'home', user, 'Maildir', 'new'))).toHaveLength(1)
  expect(status(['--config', config, 'nobody'])).toBe(67)
  const lists = at('var', 'home', user, 'Maildir', '.Lists', 'new')
  for (const place of ['cur', 'new']) mkdirSync(join(lists, '..', place), { recursive: true })
  const address = ['-a', 'ann+Lists@mail-1.a.com']
  expect(status([...address, '--config', config, user])).toBe(0)
  expect(readdirSync(lists)).toHaveLength(0)
  writeFileSync(config, `${text}subaddress: folder\n`)
  expect(status([...address, '--config', config, user])).toBe(0)
  expect(readdirSync(lists)).toHaveLength(1)
  const quota = (whenFull: string): void =>
    writeFileSync(config, `${text}quota: {messages: 3, whenFull: ${whenFull}}\n`)
  quota('refuse')
  const used = lightlag(['user', 'quota', '--config', config])
  expect(used.stdout).toMatch(/^ann\t\d+ bytes\t3 of 3 messages\n$/)
  const full = lightlag(['deliver', '--config', config, user], LETTER)
  expect([full.status, full.stderr]).toEqual([
    73,
    '5.2.2 Quota exceeded (mailbox for ann is full)\n',
  ])
  quota('defer')
  expect(status(['--config', config, user])).toBe(75)
  expect(status(['--config', at('none.yaml'), user])).toBe(75)
  expect(status([user])).toBe(64)
  expect(status(['--nothing', user])).toBe(64)
  expect(status([])).toBe(64)
  expect(status(['--help'])).toBe(0)
  expect(status(['-f', 'a b', '--to', at('x'), user])).toBe(64)
  expect(status(['--to', at('x'), user], 'no mail\n')).toBe(65)
  mkdirSync(at('dir'))
  expect(status(['--to', at('dir'), user])).toBe(75)
  writeFileSync(at('file'), '')
  expect(status(['--to', `${at('file')}/`, user])).toBe(75)
  expect(existsSync(at('x'))).toBe(false)
})
