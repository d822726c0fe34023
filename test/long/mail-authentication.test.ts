/**
 * Signatures and results of a host as a process, beside independent implementations: Perl's Mail::DKIM,
 * and Python's dkimpy for Ed25519.
 */

import { spawn, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { wallMs } from '../../src/base/time.ts'
import { hostClock } from '../../src/host/clock.ts'
import { keyRecord, newPrivateKey } from '../../src/host/dkim-keys.ts'
import { hostMailAuthentication } from '../../src/host/mail-authentication.ts'
import { type LabName, labDns } from '../../src/lab/dns.ts'
import type { SigningKey } from '../../src/ports/mail-authentication.ts'
import { type NameServer, startNameServer } from '../support/name-server.ts'
import { needsModules, needsProc } from '../support/programs.ts'
import { ServedPair } from '../support/served.ts'

const absent =
  needsModules('/usr/bin/perl', 'Mail::DKIM') ?? needsModules('/usr/bin/python3', 'dkim', 'nacl')

const names = new Map<string, LabName>()
let server: NameServer
let pair: ServedPair

beforeAll(async () => {
  server = await startNameServer(names)
  pair = await ServedPair.make((text) => text + MORE.replace('NS', server.address))
  publish(dkim('new', '--selector', 's1'))
  publish(dkim('new', '--selector', 'e1', '--algorithm', 'ed25519'))
  await pair.hosts[0].start()
})

afterAll(async () => {
  await pair.dispose()
  await server.close()
})

const MORE = `dns: {servers: ["NS"]}
authentication: {dmarc: reject, trusted: []}
`

const perl = (program: string, input: string) => output('/usr/bin/perl', ['-e', program], input)
const python = (program: string, input: string) =>
  output('/usr/bin/python3', ['-c', program], input)

/** Perl asks the name server of this test. */
async function output(name: string, args: readonly string[], input: string): Promise<string> {
  const [host, port] = server.address.split(':')
  const child = spawn(name, args, {
    env: { ...process.env, RES_NAMESERVERS: host, RES_OPTIONS: `port:${port}` },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  child.stdin.end(Buffer.from(input, 'latin1'))
  let said = ''
  for await (const bytes of child.stdout) said += String(bytes)
  return said.trim()
}

const READ = 'while (<STDIN>) { s/\\r?\\n$//; $it->PRINT("$_\\r\\n") } $it->CLOSE;'
const VERIFY = `use Mail::DKIM::Verifier; my $it = Mail::DKIM::Verifier->new; ${READ}
  print join("\\n", map { $_->selector . " " . $_->result_detail } $it->signatures)`
const VERIFY_ARC = `use Mail::DKIM::ARC::Verifier; my $it = Mail::DKIM::ARC::Verifier->new; ${READ}
  print $it->result_detail`
const SIGN = `use Mail::DKIM::Signer; my $it = Mail::DKIM::Signer->new(Algorithm => "rsa-sha256",
  Method => "relaxed/simple", Domain => "b.com", Selector => "perl", KeyFile => "FILE"); ${READ}
  print $it->signature->as_string`

/** The record is in the program. */
const VERIFY_ED25519 = `import sys, dkim
print(dkim.verify(sys.stdin.buffer.read(), dnsfunc=lambda name, timeout=5: b"RECORD"))`

function dkim(...args: readonly string[]): string {
  const config = join(pair.directory, 'mail-1.yaml')
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['dist/cmd/lightlag.js', 'dkim', ...args, '--config', config],
    { encoding: 'utf8' },
  )
  expect([stderr, status]).toEqual(['', 0])
  return stdout
}

/** What it complains of, and its exit status. */
function dkimFailing(...args: readonly string[]): readonly [string, number | null] {
  const config = join(pair.directory, 'mail-1.yaml')
  const words = ['dist/cmd/lightlag.js', 'dkim', ...args, '--config', config]
  const { stderr, status } = spawnSync(process.execPath, words, { encoding: 'utf8' })
  return [stderr.trim(), status]
}

/** Takes a zone file's line out of what the command says. */
function publish(said: string): void {
  const [, name = '', text = ''] = /^(\S+)\. 3600 IN TXT \( (.*) \)$/m.exec(said) ?? []
  const record = [...text.matchAll(/"([^"]*)"/g)].map(([, part]) => part).join('')
  names.set(name, { txt: [record] })
}

async function newMail(message: string): Promise<string> {
  const [host] = pair.hosts
  const before = new Set(host.mails())
  expect(await host.submit(message, 'mail-1.a.com')).toBe(true)
  const [mail = ''] = host.mails().filter((one) => !before.has(one))
  return mail
}

const LETTER =
  'From: User <user@mail-1.a.com>\r\nTo: user@mail-1.a.com\r\nSubject: hello\r\n\r\nHello \t you\r\n\r\n'

test.skipIf(absent)(
  'mail of users is signed so that Mail::DKIM verifies it, and keys change without a restart',
  async () => {
    const mail = await newMail(LETTER)
    expect((await perl(VERIFY, mail)).split('\n')).toContain('s1 pass')
    // dkimpy looks at the topmost.
    const [first = '', second = ''] = mail.match(/^DKIM-Signature: .*(?:\r\n[ \t].*)*\r\n/gm) ?? []
    const ed25519 = /s=e1;/.test(first) ? mail.replace(second, '') : mail.replace(first, '')
    const [record = ''] = names.get('e1._domainkey.mail-1.a.com')?.txt ?? []
    expect(await python(VERIFY_ED25519.replace('RECORD', record), ed25519)).toBe('True')
    publish(dkim('new', '--selector', 's2', '--in', '0'))
    expect(dkim('show', 's2')).toMatch(
      /^s2\._domainkey\.mail-1\.a\.com\. 3600 IN TXT \( "v=DKIM1; /,
    )
    dkim('retire', 'e1')
    const rows = dkim('list', '--json')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(rows.map(({ selector, state }) => `${selector} ${state}`)).toEqual([
      'e1 retired',
      's1 signs',
      's2 signs',
    ])
    // The host looks for changes every second.
    let later = ''
    while (!/s=s2;/.test(later) || /s=e1;/.test(later)) later = await newMail(LETTER)
    expect(await perl(VERIFY, later)).toBe('s2 pass')
    expect(await perl(VERIFY, later.replace('Hello', 'Hallo'))).toMatch(/^s2 fail/)
  },
)

test.skipIf(absent)(
  'a message of five million octets is signed as it passes, and verified',
  async () => {
    const line = `${'x'.repeat(70)} \t y \r\n`
    const large = LETTER + line.repeat(70_000)
    const [host] = pair.hosts
    const removed = host.until((line) => line.endsWith(': removed'))
    expect(await host.submit(large, 'mail-1.a.com')).toBe(true)
    // It goes through the queue.
    await removed
    const mail = host.mails().find((one) => one.length > large.length) ?? ''
    expect(await perl(VERIFY, mail)).toMatch(/^s\d pass$/m)
  },
)

test('lightlag dkim says what is wrong and what there is', () => {
  dkim('new', '--selector', 'other', '--domain', 'x.com')
  expect(dkimFailing('new', '--selector', 'other', '--domain', 'x.com')).toEqual([
    ...['x.com has a key other: another selector would be right', 2],
  ])
  expect(dkimFailing('show', 'nobody', '--domain', 'x.com')).toEqual([
    expect.stringMatching(/^x\.com has no key nobody; there are: .*other of x\.com/),
    1,
  ])
  expect(dkimFailing('retire', 'other')).toEqual([expect.stringContaining('no key other'), 1])
  expect(dkimFailing('new', '--algorithm', 'dsa')[1]).toBe(2)
  expect(dkimFailing('new', '--in', 'soon')).toEqual([expect.stringContaining('2d or 0'), 2])
  expect(dkimFailing('new', '--selector', '../x')).toEqual([expect.stringContaining('letters'), 2])
})

/** Of the host's own memory, in MiB. */
function memory(): number {
  const pid = /\[(\d+)\]/.exec(pair.hosts[0].lines.at(-1) ?? '')?.[1]
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/RssAnon:\s+(\d+)/.exec(status)?.[1]) / 1024
}

test.skipIf(needsProc())(
  'a message of fifty million octets takes no more memory than one of five',
  async () => {
    const [host] = pair.hosts
    const peaks: number[] = []
    for (const octets of [5_000_000, 50_000_000]) {
      const large = LETTER + `${'x'.repeat(70)} \t y \r\n`.repeat(octets / 76)
      const removed = host.until((line) => line.endsWith(': removed'))
      let peak = 0
      const watch = setInterval(() => {
        peak = Math.max(peak, memory())
      }, 10)
      expect(await fromOutside(large, 'user@mail-1.a.com')).toMatch(/^250 /)
      await removed
      clearInterval(watch)
      peaks.push(peak)
    }
    const [small = 0, large = 0] = peaks
    expect(large - small).toBeLessThan(40)
  },
)

test.skipIf(absent)('what sendmail hands in is signed as well', async () => {
  const [host] = pair.hosts
  const before = new Set(host.mails())
  const delivered = host.until((line) => line.includes('status=sent'))
  const { status } = spawnSync(
    process.execPath,
    [
      ...[
        'dist/cmd/lightlag.js',
        'sendmail',
        '--node',
        join(pair.directory, 'mail-1/control.sock'),
      ],
      ...['-f', 'user@mail-1.a.com', 'user@mail-1.a.com'],
    ],
    { input: LETTER },
  )
  expect(status).toBe(0)
  await delivered
  const mail = host.mails().find((one) => !before.has(one)) ?? ''
  expect(await perl(VERIFY, mail)).toMatch(/^s\d pass$/m)
})

/** Sends it as another server does; the last reply. */
async function fromOutside(message: string, sender: string): Promise<string> {
  const socket = connect(pair.hosts[0].ports.smtp, '127.0.0.1')
  const said = socket.setEncoding('latin1')[Symbol.asyncIterator]()
  const reply = async (): Promise<string> => {
    let text = ''
    while (!/^\d{3} .*\r\n$/m.test(text)) text += (await said.next()).value
    return text
  }
  await reply()
  const lines = ['EHLO mx.b.com', `MAIL FROM:<${sender}>`, 'RCPT TO:<user@mail-1.a.com>', 'DATA']
  for (const line of lines) {
    socket.write(`${line}\r\n`)
    await reply()
  }
  socket.write(`${message}.\r\n`, 'latin1')
  const last = await reply()
  socket.destroy()
  return last
}

test.skipIf(absent)(
  'mail that Mail::DKIM has signed is seen to be so, and what is forged is refused',
  async () => {
    const key: SigningKey = {
      ...{ domain: 'b.com', selector: 'perl', algorithm: 'rsa', privateKey: newPrivateKey('rsa') },
    }
    names.set('b.com', { txt: ['v=spf1 ip4:127.0.0.1 -all'] })
    names.set('_dmarc.b.com', { txt: ['v=DMARC1; p=reject'] })
    names.set('perl._domainkey.b.com', { txt: [keyRecord(key)] })
    const letter = LETTER.replace('user@mail-1.a.com>', 'ann@b.com>')
    const forged = `Authentication-Results: mail-1.a.com; dmarc=pass\r\n${letter}`
    const file = join(pair.directory, 'b.pem')
    writeFileSync(file, key.privateKey)
    const signature = await perl(SIGN.replace('FILE', file), letter)
    const before = new Set(pair.hosts[0].mails())
    expect(await fromOutside(`${signature}\r\n${forged}`, 'ann@b.com')).toMatch(/^250 2\.0\.0 /)
    const [mail = ''] = pair.hosts[0].mails().filter((one) => !before.has(one))
    const fields = mail.match(/^Authentication-Results:.*(?:\r\n[ \t].*)*/gm) ?? []
    expect(fields).toHaveLength(1)
    expect(fields[0]?.replace(/\r\n\t/g, ' ')).toMatch(
      /: mail-1\.a\.com; spf=pass smtp\.mailfrom=b\.com; dkim=pass header\.d=b\.com header\.s=perl .*; dmarc=pass header\.from=b\.com$/,
    )
    expect(await fromOutside(forged, 'x@evil.com')).toBe(
      '550 5.7.1 b.com asks for this message to be refused (DMARC)\r\n',
    )
  },
)

test.skipIf(absent)('what is sealed passes Mail::DKIM for ARC, from one to the next', async () => {
  const privateKey = newPrivateKey('rsa')
  const key: SigningKey = { domain: 'a.com', selector: 'arc', algorithm: 'rsa', privateKey }
  names.set('arc._domainkey.a.com', { txt: [keyRecord(key)] })
  const hostname = 'mail-1.a.com'
  const authentication = hostMailAuthentication({ dns: labDns(names), clock: hostClock, hostname })
  let message = LETTER
  for (let i = 0; i < 2; i++) {
    const client = { address: '127.0.0.1', helo: 'mx.b.com', sender: 'ann@b.com' }
    const verifier = authentication.verifier(client)
    verifier.push(Buffer.from(message))
    await verifier.end()
    const now = wallMs(hostClock.wall())
    const fields = await verifier.seal(key, 'mail-1.a.com; spf=pass smtp.mailfrom=b.com', now)
    message = [...fields, message].join('\r\n')
    expect(await perl(VERIFY_ARC, message)).toMatch(/^pass/)
  }
  expect(await perl(VERIFY_ARC, message.replace('Hello', 'Hallo'))).toMatch(/^fail/)
})
