import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connectHost } from '../../src/cmd/control.ts'
import { freePort } from '../support/free-port.ts'
import { mailOf } from '../support/lab.ts'
import { needs } from '../support/programs.ts'
import { ServedPair } from '../support/served.ts'

/** As mailq tells it. */
const QUEUE = /^(-Queue ID-|Mail queue is empty)/

let pair: ServedPair

beforeAll(async () => {
  pair = await ServedPair.make()
  await pair.hosts[0].start()
})

afterAll(() => pair.dispose())

interface Ran {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

function lightlag(args: readonly string[], input = ''): Ran {
  const socket = join(pair.directory, 'mail-1', 'control.sock')
  const words = ['dist/cmd/lightlag.js', ...args, '--node', socket]
  const { status, stdout, stderr } = spawnSync(process.execPath, words, { input, encoding: 'utf8' })
  return { status, stdout, stderr }
}

function queued(): readonly { queueId: string; state: string; recipients: unknown[] }[] {
  const { stdout } = lightlag(['mailq', '--json'])
  return stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]))
}

test('mails are handed in, listed, shown, held, released and deleted', () => {
  expect(lightlag(['mailq']).stdout).toBe('Mail queue is empty\n')
  const letter = 'To: User <user@mail-2.a.com>\nBcc: other@mail-2.a.com\nSubject: hi\n\nHello\n'
  expect(lightlag(['sendmail', '-t', '-oi', '-f', 'user@mail-1.a.com'], letter).status).toBe(0)
  expect(lightlag(['mail', '-s', 'Grüße', 'user@mail-2.a.com'], 'Hello\n').status).toBe(0)
  const [first, second, ...others] = queued()
  expect(others).toEqual([])
  expect(first?.recipients).toMatchObject([
    { address: 'user@mail-2.a.com', route: 'bp:ipn:3.2525' },
    { address: 'other@mail-2.a.com' },
  ])
  const shown = lightlag(['queue', 'show', first?.queueId ?? '']).stdout
  expect(shown).toMatch(/^Received: by mail-1\.a\.com/)
  expect(shown).toContain('Subject: hi\r\n\r\nHello\r\n')
  expect(shown).not.toContain('Bcc')
  expect(lightlag(['queue', 'show', second?.queueId ?? '']).stdout).toContain('=?utf-8?B?')
  expect(lightlag(['queue', 'hold', first?.queueId ?? '']).stdout).toBe('hold: 1 of 1 mails\n')
  expect(lightlag(['mailq']).stdout).toContain(`${first?.queueId}!`)
  expect(lightlag(['queue', 'release', '--domain', 'mail-2.a.com']).stdout).toContain('2 of 2')
  const none = lightlag(['queue', 'delete'])
  expect([none.status, none.stderr]).toEqual([2, expect.stringContaining('which mails?')])
  expect(lightlag(['queue', 'delete', '--older-than', '1h']).stdout).toContain('0 of 0')
  expect(lightlag(['queue', 'delete', '--all']).stdout).toBe('delete: 2 of 2 mails\n')
  for (let i = 0; i < 50 && queued().length > 0; i++);
  expect(queued()).toEqual([])
  const gone = lightlag(['queue', 'hold', first?.queueId ?? ''])
  expect([gone.status, gone.stderr]).toEqual([1, '1 of them are not in the queue\n'])
})

test('a transport map and aliases are read again when they change, or told and left as they were', async () => {
  const served = await ServedPair.make((text) =>
    text.replace(/^transport:\n.*$/m, 'transport: transport\naliases: virtual'),
  )
  try {
    const [host] = served.hosts
    const [transport, virtual] = ['transport', 'virtual'].map((name) =>
      join(served.directory, name),
    )
    const submits = (name: string): string => {
      const socket = join(served.directory, 'mail-1', 'control.sock')
      const words = ['dist/cmd/lightlag.js', 'sendmail', name, '--node', socket]
      return spawnSync(process.execPath, words, { input: 'x\n', encoding: 'utf8' }).stderr
    }
    await expect(host.start()).rejects.toThrow(/cannot read .*\/transport: no such file/)
    writeFileSync(transport as string, 'mail-2.a.com bp:ipn:3.2525\n')
    writeFileSync(virtual as string, 'info@mail-1.a.com ann\n')
    await expect(host.start()).rejects.toThrow(/virtual:1:19: "ann": an address/)
    writeFileSync(virtual as string, '# none\n')
    await host.start()
    expect(submits('x@b.com')).toContain('Domain not found\n')
    expect(submits('info@mail-1.a.com')).toContain('User unknown\n')

    const changed = host.until((line) => line.includes('transport has changed, and holds'))
    writeFileSync(transport as string, 'b.com discard:\n')
    await changed
    expect([submits('x@b.com'), submits('user@mail-2.a.com')]).toEqual([
      '',
      '5.1.2 <user@mail-2.a.com>: Recipient address rejected: Domain not found\n',
    ])
    const told = host.until((line) => /transport:1:7: "discord": .*; what was before/.test(line))
    writeFileSync(transport as string, 'b.com discord\n')
    await told
    const others = host.until((line) => line.includes('virtual has changed, and holds'))
    writeFileSync(virtual as string, 'info@mail-1.a.com user@mail-1.a.com, x@b.com\n')
    await others
    expect([submits('x@b.com'), submits('info@mail-1.a.com')]).toEqual(['', ''])
    expect(await host.stop()).toBe(0)
  } finally {
    await served.dispose()
  }
})

test('faults are added, listed, made and removed while a host runs, by commands and by a program', async () => {
  const [host] = pair.hosts
  expect(lightlag(['fault', 'list'])).toEqual({ status: 0, stdout: '', stderr: '' })
  const words = ['--at', 'RCPT', '--recipient', '*@mail-2.a.com', '--times', '2-']
  const added = lightlag(['fault', 'add', ...words, '--reply', '451 4.3.0 Not now'])
  expect(added.stderr).toBe('')
  const id = added.stdout.trim()
  const submits = (): Promise<boolean> => host.submit(mailOf('hello'), 'mail-2.a.com')
  expect([await submits(), await submits(), await submits()]).toEqual([true, false, false])
  expect(lightlag(['fault', 'list']).stdout).toBe(
    `${id}: at RCPT, recipient *@mail-2.a.com, times 2-, reply 451 4.3.0 Not now; has fitted 3 times\n`,
  )
  const client = await connectHost(join(pair.directory, 'mail-1', 'control.sock'))
  try {
    const late = await client.addFault({ at: 'MAIL', delayMs: 1 })
    expect((await client.faults()).map(({ id }) => id)).toEqual([Number(id), late])
    expect(await client.removeFaults(late)).toBe(1)
    await expect(client.addFault({ at: 'MAIL' })).rejects.toThrow('one of them would be right')
  } finally {
    client.close()
  }
  expect(lightlag(['fault', 'remove', id, id])).toMatchObject({
    status: 1,
    stderr: `there is no fault ${id}\n`,
  })
  expect(await submits()).toBe(true)
  expect(lightlag(['fault', 'remove', '--all']).status).toBe(0)
  for (const [args, problem] of [
    [
      ['add', '--delay', '1s'],
      'fault add: at is missing: EHLO or MAIL or RCPT or DATA or end-of-data would be right',
    ],
    [
      ['add', '--at', 'RCPT'],
      'fault add: a fault without reply and delay: one of them would be right',
    ],
    [
      ['add', '--at', 'RCPT', '--reply', '250 ok'],
      'fault add: reply is "250 ok": a reply such as 451 4.3.0 Try again would be right',
    ],
    [['remove'], 'fault remove: which? Numbers as in the list, or --all'],
    [['remove', 'x'], 'fault remove: x: a number as in the list would be right'],
  ] as const) {
    expect(lightlag(['fault', ...args])).toEqual({ status: 2, stdout: '', stderr: `${problem}\n` })
  }
})

test.skipIf(needs('curl'))(
  'metrics are read with curl where they are asked for, on this machine only',
  async () => {
    const port = await freePort()
    const served = await ServedPair.make(
      (text) => `${text}\nmetrics: {listen: "127.0.0.1:${port}"}\nlog: {json: events.json}\n`,
    )
    try {
      const [host] = served.hosts
      await host.start()
      expect(await host.submit(mailOf('hello'), 'mail-1.a.com')).toBe(true)
      const curl = (...words: readonly string[]): string =>
        spawnSync('curl', ['-s', '-i', ...words], { encoding: 'utf8' }).stdout
      const url = `http://127.0.0.1:${port}`
      const text = curl(`${url}/metrics`)
      expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\ncontent-type: text\/plain; version=0\.0\.4/)
      expect(text).toContain('\nlightlag_mail_accepted_total{via="submission"} 1\n')
      expect(text).toContain('\nlightlag_mail_recipients_total{route="local",outcome="sent"} 1\n')
      expect(text).toContain('\nlightlag_bundle_node_store_bundles 0\n')
      expect(curl(`${url}/`)).toMatch(/^HTTP\/1\.1 404 /)
      expect(curl('-X', 'POST', `${url}/metrics`)).toMatch(/^HTTP\/1\.1 405 /)
      // The second host wants the same port.
      await expect(served.hosts[1].start()).rejects.toThrow(/metrics.*address already in use/)
      expect(await host.stop()).toBe(0)
      const events = readFileSync(join(served.directory, 'events.json'), 'utf8')
        .trimEnd()
        .split('\n')
      expect(JSON.parse(events.at(-1) ?? '')).toMatchObject({
        type: 'stopped',
        host: 'mail-1.a.com',
      })
      expect(events.map((line) => JSON.parse(line).type)).toContain('mail-accepted')
    } finally {
      await served.dispose()
    }
  },
  60_000,
)

test('a dialogue of SMTP hands mail in, and mail lists and prints the mailbox', async () => {
  const talk = [
    'EHLO me',
    'MAIL FROM:<ann@mail-1.a.com> RET=HDRS ENVID=E1',
    'RCPT TO:<nobody@mail-1.a.com>',
    'RCPT TO:<user@mail-1.a.com> NOTIFY=SUCCESS',
    'DATA',
    'Subject: =?utf-8?Q?by_h=C3=A4nd?=\r\n\r\n..dot\r\n.',
    'QUIT',
  ]
  const [host] = pair.hosts
  const delivered = host.until((line) => /to=<user@mail-1.a.com>.*status=sent/.test(line))
  const spoken = lightlag(['sendmail', '-bs'], talk.map((line) => `${line}\r\n`).join(''))
  expect([spoken.status, spoken.stderr]).toEqual([0, ''])
  const replies = spoken.stdout.split('\r\n')
  expect(replies[0]).toMatch(/^220 mail-1\.a\.com ESMTP/)
  expect(replies).toContain(
    '550 5.1.1 <nobody@mail-1.a.com>: Recipient address rejected: User unknown',
  )
  expect(replies.at(-3)).toMatch(/^250 2\.0\.0 Ok: queued as /)
  expect(replies.at(-2)).toBe('221 2.0.0 Bye')
  await delivered
  const listed = lightlag(['mail', '-H', '-u', 'user'])
  expect(listed.stdout.split('\n').at(-2)).toMatch(
    /^[> ]N +\d+ ann@mail-1\.a\.com .*\/\d+ by händ$/,
  )
  expect(lightlag(['mail', '--print', '--user', 'user']).stdout).toMatch(
    /^Message \d+:\nReturn-Path: <ann@mail-1\.a\.com>\nDelivered-To: .*\n\n\.dot\n\n$/ms,
  )
  expect(lightlag(['mail', '-H', '-u', 'none'])).toEqual({
    status: 1,
    stdout: '',
    stderr: 'none has no mailbox here: "--user NAME" names another\n',
  })
  expect(lightlag(['mail']).status).toBe(64)
  expect(lightlag(['mail', '-p', 'x']).status).toBe(2)
})

test('sendmail, mailq and mail are called by their own names where links were made', () => {
  const folder = join(pair.directory, 'bin')
  expect(lightlag(['links', folder]).status).toBe(2)
  const make = (...words: readonly string[]): Ran => {
    const all = ['dist/cmd/lightlag.js', 'links', ...words]
    const { status, stdout, stderr } = spawnSync(process.execPath, all, { encoding: 'utf8' })
    return { status, stdout, stderr }
  }
  const names = ['mail', 'mailq', 'newaliases', 'sendmail'].map((name) => join(folder, name))
  expect(make(folder).stdout).toBe(names.map((name) => `${name}\n`).join(''))
  const socket = join(pair.directory, 'mail-1', 'control.sock')
  const call = (name: string, ...words: readonly string[]): Ran =>
    spawnSync(join(folder, name), [...words, '--node', socket], { encoding: 'utf8', input: 'x\n' })
  expect(call('mailq').stdout).toMatch(QUEUE)
  expect(call('newaliases').status).toBe(0)
  expect(call('sendmail', '-bp').stdout).toMatch(QUEUE)
  expect(call('sendmail', 'nobody@mail-1.a.com').status).toBe(67)
  rmSync(join(folder, 'mail'))
  writeFileSync(join(folder, 'mail'), 'mine')
  expect(make(folder)).toMatchObject({
    status: 1,
    stderr: `${join(folder, 'mail')} is something else, and left as it is\n`,
  })
  expect(make(folder, 'nail')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('no command nail'),
  })
})

test('sendmail -V names the envelope, rather than asking for the version', () => {
  const words = ['-N', 'success', '-R', 'hdrs', '-V', 'env1', '-f', 'user@mail-1.a.com']
  const ran = lightlag(['sendmail', ...words, 'ann@nowhere.org'], 'Subject: x\n\n')
  expect([ran.status, ran.stdout]).toEqual([68, ''])
  expect(ran.stderr).toContain('Domain not found')
})

test('sendmail ends as sysexits.h says', () => {
  const nobody = lightlag(['sendmail', '-t'], 'Subject: x\n\n')
  expect([nobody.status, nobody.stderr]).toEqual([
    64,
    'sendmail: no recipients: To, Cc and Bcc name nobody\n',
  ])
  expect(lightlag(['sendmail', '-Z', 'x']).status).toBe(64)
  const refused = lightlag(['sendmail', 'ann@nowhere.org'], 'Subject: x\n\n')
  expect([refused.status, refused.stderr]).toEqual([
    68,
    '5.1.2 <ann@nowhere.org>: Recipient address rejected: Domain not found\n',
  ])
  expect(lightlag(['sendmail', 'no one@x'], 'x\n').status).toBe(65)
  const words = ['dist/cmd/lightlag.js', 'sendmail', 'x', '--node', '/nowhere.sock']
  const absent = spawnSync(process.execPath, words, { input: 'x\n', encoding: 'utf8' })
  expect([absent.status, absent.stderr]).toEqual([
    75,
    expect.stringContaining('no mail host to ask'),
  ])
})
