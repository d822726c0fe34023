/**
 * Programs that read mail, each set up from what `lightlag client-config` publishes, over TLS with the host's own
 * authority: they fetch, file, flag, delete and send, as far as each of them can.
 */

import { execFile } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { ImapFlow } from 'imapflow'
import { createTransport } from 'nodemailer'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  ClientsHost,
  contentsOf,
  letter,
  PASSWORD,
  type Published,
} from '../support/clients-host.ts'
import { needs } from '../support/programs.ts'

const run = promisify(execFile)
const USERS = ['imapflow', 'mutt', 'isync', 'offlineimap', 'fetchmail', 'getmail', 'curl']

let host: ClientsHost

beforeAll(async () => {
  host = await ClientsHost.start(USERS)
})

afterAll(() => host.dispose())

/** A directory, what is published for the user of that name, and a way to write files for the program. */
async function stage(client: string): Promise<{
  readonly directory: string
  readonly published: Published
  readonly write: (name: string, ...lines: readonly string[]) => string
}> {
  const directory = host.directoryFor(client)
  const write = (name: string, ...lines: readonly string[]): string => {
    const file = join(directory, name)
    writeFileSync(file, [...lines, ''].join('\n'), { mode: 0o600 })
    return file
  }
  return { directory, published: await host.published(client), write }
}

/** Resolves with what is in the INBOX once there is a message with this subject. */
async function arrived(client: ImapFlow, subject: string): Promise<void> {
  for (;;) {
    const seen = await contentsOf(client, 'INBOX')
    if (subject in seen) return
  }
}

test('imapflow fetches, searches, files, flags, deletes, appends and is told of new mail; nodemailer sends', async () => {
  host.deliver('imapflow', letter('one'), letter('two'), letter('three'), letter('four'))
  const logged: string[] = []
  const note = (entry: unknown): void => void logged.push(JSON.stringify(entry))
  const logger = { debug: note, info: note, warn: note, error: note }
  const client = await host.connect('imapflow', { logger })
  expect(logged.join()).toContain('OK from here on it is compressed')
  const lock = await client.getMailboxLock('INBOX')
  expect(await client.search({ subject: 'three' }, { uid: true })).toEqual([3])
  const whole = await client.fetchOne('2', { source: true, bodyStructure: true, size: true })
  expect(whole).toMatchObject({ source: Buffer.from(letter('two')) })
  await client.messageFlagsAdd('1', ['\\Flagged', 'work'])
  await client.mailboxCreate('Projects/Moon')
  const moved = await client.messageMove('2', 'Projects/Moon')
  expect(moved).toMatchObject({ uidMap: new Map([[2, 1]]) })
  await client.messageCopy('1', 'Projects/Moon')
  await client.messageDelete({ subject: 'four' })
  const appended = await client.append('INBOX', letter('appended'), ['\\Seen', '\\Draft'])
  expect(appended).toMatchObject({ uid: 5 })
  const told = new Promise((resolve) => client.once('exists', resolve))
  const idling = client.idle()
  const { submissions, address } = await host.published('imapflow')
  const transport = createTransport({
    ...{ host: submissions.hostname, port: Number(submissions.port), secure: true },
    auth: { user: submissions.username, pass: PASSWORD },
    tls: { ca: readFileSync(host.authority, 'utf8') },
  })
  await transport.sendMail({ from: address, to: address, subject: 'sent', text: 'Hello' })
  await told
  await client.noop()
  await idling
  lock.release()
  expect(await contentsOf(client, 'INBOX')).toEqual({
    one: ['\\Flagged', 'work'],
    three: [],
    appended: ['\\Draft', '\\Seen'],
    sent: [],
  })
  expect(await contentsOf(client, 'Projects/Moon')).toEqual({
    one: ['\\Flagged', 'work'],
    two: [],
  })
  const names = (await client.list()).map(({ path }) => path)
  expect(names).toEqual(expect.arrayContaining(['INBOX', 'Projects', 'Projects/Moon']))
  expect(
    await client.status('INBOX', { messages: true, unseen: true, uidNext: true }),
  ).toMatchObject({ messages: 4, unseen: 3, uidNext: 7 })
  await client.mailboxRename('Projects/Moon', 'Moon')
  await client.mailboxDelete('Moon')
  await client.logout()
})

test.skipIf(needs('mutt') ?? needs('script'))(
  'mutt reads, flags, files and deletes at its screen, and sends with a copy among what was sent',
  async () => {
    host.deliver('mutt', letter('read'), letter('flag'), letter('file'), letter('junk'))
    const { published, write } = await stage('mutt')
    const { imaps, submissions, address } = published
    const url = `imaps://${imaps.hostname}:${imaps.port}/`
    const rc = write(
      'muttrc',
      ...[`set folder="${url}"`, `set spoolfile="${url}INBOX"`, 'set record="+Sent" copy=yes'],
      ...[`set imap_user="${imaps.username}"`, `set imap_pass="${PASSWORD}"`],
      ...[`set ssl_ca_certificates_file="${host.authority}" ssl_verify_host=yes`],
      `set smtp_url="smtps://${encodeURIComponent(submissions.username)}@${submissions.hostname}:${submissions.port}/"`,
      ...[`set smtp_pass="${PASSWORD}" from="${address}" use_from=yes`],
      // Of its own it takes SCRAM-SHA-256-PLUS, which its library cannot do.
      'set imap_authenticators="scram-sha-256" smtp_authenticators="scram-sha-256"',
      'set confirmcreate=no confirmappend=no delete=yes quit=yes wait_key=no header_cache="" sort=mailbox-order',
    )
    const keys = [
      '<search>~s flag<enter><flag-message>',
      '<tag-pattern>~s file<enter><tag-prefix><save-message>=Kept<enter>',
      '<delete-pattern>~s junk<enter>',
      '<search>~s read<enter><display-message><exit>',
      '<sync-mailbox><quit>',
    ].join('')
    const env = { ...process.env, TERM: 'vt100', LINES: '30', COLUMNS: '100' }
    await run('script', ['-qec', `mutt -n -F ${rc} -e 'push "${keys}"'`, '/dev/null'], { env })
    const sending = run('mutt', ['-n', '-F', rc, '-s', 'by mutt', '--', address], { env })
    sending.child.stdin?.end('Hello\n')
    await sending
    const client = await host.connect('mutt')
    await arrived(client, 'by mutt')
    expect(await contentsOf(client, 'INBOX')).toEqual({
      read: ['\\Seen'],
      // Its own keyword for what it has shown in its list.
      flag: ['Old', '\\Flagged'],
      'by mutt': [],
    })
    expect(Object.keys(await contentsOf(client, 'Kept'))).toEqual(['file'])
    expect(await contentsOf(client, 'Sent')).toEqual({ 'by mutt': ['\\Seen'] })
    await client.logout()
  },
)

/** All files of a Maildir and its folders, and when each was last changed. */
function filesIn(directory: string): ReadonlyMap<string, number> {
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' })
  return new Map(
    names.flatMap((name) => {
      const { mtimeMs } = statSync(join(directory, name))
      return /(^|\/)(new|cur)\/./.test(name) ? [[name, mtimeMs] as const] : []
    }),
  )
}

/** What would have changed had anything changed: UIDs, flags and modification sequences of all messages. */
async function stateOf(user: string): Promise<readonly unknown[]> {
  const client = await host.connect(user)
  const state: unknown[] = []
  for (const { path } of await client.list()) {
    const lock = await client.getMailboxLock(path)
    const { mailbox } = client
    if (mailbox) state.push([path, mailbox.uidValidity, mailbox.uidNext, mailbox.highestModseq])
    for await (const { uid, flags, modseq } of client.fetch('1:*', { flags: true, uid: true })) {
      state.push([uid, [...(flags ?? [])].toSorted(), modseq])
    }
    lock.release()
  }
  await client.logout()
  return state
}

test.skipIf(needs('mbsync'))(
  'isync takes a thousand messages to a Maildir and back, with nothing left to do the second time',
  async () => {
    const all = Array.from({ length: 1000 }, (_, i) => letter(`message ${i}`))
    host.deliver('isync', ...all)
    const { directory, published, write } = await stage('isync')
    const { imaps } = published
    const mail = join(directory, 'mail')
    mkdirSync(mail)
    const rc = write(
      'mbsyncrc',
      ...['IMAPAccount a', `Host ${imaps.hostname}`, `Port ${imaps.port}`],
      ...[`User "${imaps.username}"`, `Pass "${PASSWORD}"`, 'SSLType IMAPS'],
      ...['SystemCertificates no', `CertificateFile "${host.authority}"`, ''],
      ...['IMAPStore far', 'Account a', ''],
      ...['MaildirStore near', `Path ${mail}/`, `Inbox ${mail}/INBOX`, 'SubFolders Verbatim', ''],
      ...['Channel all', 'Far :far:', 'Near :near:', 'Patterns *', 'Create Both', 'Expunge Both'],
      'SyncState *',
    )
    const sync = (): Promise<unknown> => run('mbsync', ['-c', rc, 'all'])
    const unchanged = async (): Promise<void> => {
      const before = [filesIn(mail), await stateOf('isync')]
      await sync()
      expect([filesIn(mail), await stateOf('isync')]).toEqual(before)
    }
    await sync()
    expect(filesIn(mail).size).toBe(1000)
    const texts = [...filesIn(mail).keys()].map((name) => readFileSync(join(mail, name), 'latin1'))
    // isync marks each copy with a header field of its own until the other side has it.
    expect(new Set(texts.map((text) => text.replace(/^X-TUID: .*\r?\n/m, '')))).toEqual(
      new Set(all.map((text) => text.replaceAll('\r\n', '\n'))),
    )
    await unchanged()

    const inbox = join(mail, 'INBOX')
    for (const part of ['cur', 'new', 'tmp'])
      mkdirSync(join(mail, 'Kept', part), { recursive: true })
    const files = [...filesIn(inbox).keys()].toSorted()
    for (const [i, name] of files.entries()) {
      const base = name.replace(/^.*\//, '').replace(/:2,.*$/, '')
      const to = (flags: string): void =>
        renameSync(join(inbox, name), join(inbox, 'cur', `${base}:2,${flags}`))
      if (i < 100) to('S')
      else if (i < 200) to('FRS')
      else if (i < 300) to('T')
      else if (i < 400) {
        // As programs do: another place, another name.
        renameSync(join(inbox, name), join(mail, 'Kept', 'cur', `1.kept${i}.test:2,S`))
      }
    }
    writeFileSync(join(inbox, 'new', '1.new.test'), letter('from here').replaceAll('\r\n', '\n'))
    await sync()
    const seen = await host.sees('isync', 'INBOX')
    const counts = new Map<string, number>()
    for (const flags of Object.values(seen)) {
      counts.set(flags.join(' '), (counts.get(flags.join(' ')) ?? 0) + 1)
    }
    expect(Object.fromEntries(counts)).toEqual({
      '': 601,
      '\\Seen': 100,
      '\\Answered \\Flagged \\Seen': 100,
    })
    expect(seen).toHaveProperty('from here')
    expect(Object.keys(await host.sees('isync', 'Kept'))).toHaveLength(100)
    await sync()
    await unchanged()
  },
)

test.skipIf(needs('offlineimap'))(
  'offlineimap brings mailboxes here, and takes flags, deletions and a new message back',
  async () => {
    host.deliver('offlineimap', letter('flag'), letter('junk'), letter('file'), letter('stay'))
    const { directory, published, write } = await stage('offlineimap')
    const { imaps } = published
    const mail = join(directory, 'mail')
    const rc = write(
      'offlineimaprc',
      ...['[general]', 'accounts = a', `metadata = ${join(directory, 'metadata')}`],
      ...['[Account a]', 'localrepository = near', 'remoterepository = far'],
      ...['[Repository near]', 'type = Maildir', `localfolders = ${mail}`],
      ...['[Repository far]', 'type = IMAP', `remotehost = ${imaps.hostname}`],
      ...[`remoteport = ${imaps.port}`, `remoteuser = ${imaps.username}`],
      ...[`remotepass = ${PASSWORD}`, 'ssl = yes', `sslcacertfile = ${host.authority}`],
    )
    const sync = (): Promise<unknown> => run('offlineimap', ['-o', '-c', rc, '-u', 'basic'])
    await sync()
    const inbox = join(mail, 'INBOX')
    const fileOf = (subject: string): string => {
      const found = [...filesIn(inbox).keys()].find((name) =>
        readFileSync(join(inbox, name), 'latin1').includes(`Subject: ${subject}`),
      )
      return join(inbox, found ?? 'none')
    }
    expect(filesIn(mail).size).toBe(4)
    const flagged = fileOf('flag')
    renameSync(flagged, flagged.replace('/new/', '/cur/').replace(/(:2,.*)?$/, ':2,FS'))
    rmSync(fileOf('junk'))
    for (const part of ['cur', 'new', 'tmp'])
      mkdirSync(join(mail, 'Kept', part), { recursive: true })
    renameSync(fileOf('file'), join(mail, 'Kept', 'cur', '1.file.test:2,S'))
    writeFileSync(join(inbox, 'new', '1.new.test'), letter('from here').replaceAll('\r\n', '\n'))
    await sync()
    expect(await host.sees('offlineimap', 'INBOX')).toEqual({
      flag: ['\\Flagged', '\\Seen'],
      stay: [],
      'from here': [],
    })
    expect(await host.sees('offlineimap', 'Kept')).toEqual({ file: ['\\Seen'] })
    const before = [filesIn(mail), await stateOf('offlineimap')]
    await sync()
    expect([filesIn(mail), await stateOf('offlineimap')]).toEqual(before)
  },
)

test.skipIf(needs('fetchmail'))(
  'fetchmail fetches by IMAP and POP3, under TLS from the first octet and by STARTTLS, and deletes',
  async () => {
    const { directory, published, write } = await stage('fetchmail')
    const { imaps, imap, pop3s } = published
    const taken = join(directory, 'taken')
    const fetch = async (
      server: typeof imaps,
      protocol: string,
      ...how: string[]
    ): Promise<string> => {
      rmSync(taken, { force: true })
      const rc = write(
        'fetchmailrc',
        `poll ${server.hostname} protocol ${protocol} service ${server.port}`,
        `  user "${server.username}" password "${PASSWORD}" ${how.join(' ')}`,
        `  sslcertck sslcertfile "${host.authority}" mda "cat >> ${taken}"`,
      )
      // It says by its status whether there was any mail.
      const home = { env: { ...process.env, FETCHMAILHOME: directory } }
      await run('fetchmail', ['-f', rc, '-N', '--nosyslog'], home).catch((error) => {
        if (error.code !== 1) throw error
      })
      return existsSync(taken) ? readFileSync(taken, 'latin1') : ''
    }
    host.deliver('fetchmail', letter('one'), letter('two'))
    const kept = await fetch(imaps, 'IMAP', 'ssl', 'keep')
    expect(kept.match(/^Subject: .*$/gm)).toEqual(['Subject: one', 'Subject: two'])
    expect(await fetch(imaps, 'IMAP', 'ssl', 'keep')).toBe('')
    expect(await host.sees('fetchmail', 'INBOX')).toEqual({ one: ['\\Seen'], two: ['\\Seen'] })
    host.deliver('fetchmail', letter('three'))
    const fresh = await fetch(imap, 'IMAP', 'sslproto tls1.2+', 'nokeep')
    expect(fresh.match(/^Subject: .*$/gm)).toEqual(['Subject: three'])
    expect(Object.keys(await host.sees('fetchmail', 'INBOX'))).toEqual(['one', 'two'])
    const all = await fetch(pop3s, 'POP3', 'ssl', 'nokeep', 'fetchall')
    expect(all.match(/^Subject: .*$/gm)).toEqual(['Subject: one', 'Subject: two'])
    expect(await host.sees('fetchmail', 'INBOX')).toEqual({})
  },
)

test.skipIf(needs('getmail'))(
  'getmail fetches by IMAP and POP3 what it has not yet, files it on the host, and deletes',
  async () => {
    const { directory, published, write } = await stage('getmail')
    const { imaps, pop3s } = published
    const mail = join(directory, 'mail')
    const fetch = async (
      type: string,
      server: typeof imaps,
      retriever: readonly string[],
      options: readonly string[],
    ): Promise<readonly string[]> => {
      rmSync(mail, { recursive: true, force: true })
      mkdirSync(mail)
      const rc = write(
        'getmailrc',
        ...[
          '[retriever]',
          `type = ${type}`,
          `server = ${server.hostname}`,
          `port = ${server.port}`,
        ],
        ...[`username = ${server.username}`, `password = ${PASSWORD}`],
        ...[`ca_certs = ${host.authority}`, ...retriever],
        // Its own Maildir is not for root, as who tests may be.
        ...['[destination]', 'type = MDA_external', 'path = /bin/sh'],
        ...[`arguments = ("-c", "cat > $(mktemp -p ${mail})")`, 'allow_root_commands = true'],
        ...['[options]', 'verbose = 0', 'delivered_to = false', 'received = false', ...options],
      )
      await run('getmail', [`--getmaildir=${directory}`, `--rcfile=${rc}`])
      return readdirSync(mail)
        .map((name) => /^Subject: (.*)$/m.exec(readFileSync(join(mail, name), 'latin1'))?.[1] ?? '')
        .toSorted()
    }
    const imap = 'SimpleIMAPSSLRetriever'
    host.deliver('getmail', letter('one'), letter('two'))
    expect(await fetch(imap, imaps, [], ['read_all = false'])).toEqual(['one', 'two'])
    host.deliver('getmail', letter('three'))
    expect(await fetch(imap, imaps, [], ['read_all = false'])).toEqual(['three'])
    const client = await host.connect('getmail')
    await client.mailboxCreate('Fetched')
    await client.logout()
    host.deliver('getmail', letter('four'))
    const move = ['mailboxes = ("INBOX",)', 'move_on_delete = Fetched']
    expect(await fetch(imap, imaps, move, ['read_all = false', 'delete = true'])).toEqual(['four'])
    expect(Object.keys(await host.sees('getmail', 'Fetched')).toSorted()).toEqual(
      ['four', 'one', 'three', 'two'].toSorted(),
    )
    host.deliver('getmail', letter('five'))
    expect(await fetch('SimplePOP3SSLRetriever', pop3s, [], ['delete = true'])).toEqual(['five'])
    expect(await host.sees('getmail', 'INBOX')).toEqual({})
  },
)

test.skipIf(needs('curl'))(
  'curl fetches, searches, flags, files, deletes, appends and sends',
  async () => {
    host.deliver('curl', letter('one'), letter('two'), letter('three'))
    const { directory, published } = await stage('curl')
    const { imaps, imap, submissions, submission, address } = published
    const curl = async (...args: readonly string[]): Promise<string> => {
      const login = ['--user', `${imaps.username}:${PASSWORD}`, '--cacert', host.authority]
      return (await run('curl', ['-sS', '--ssl-reqd', ...login, ...args])).stdout
    }
    const url = `imaps://${imaps.hostname}:${imaps.port}`
    expect(await curl(`${url}/INBOX;UID=2`)).toBe(letter('two'))
    const starttls = `imap://${imap.hostname}:${imap.port}`
    expect(await curl(`${starttls}/INBOX;MAILINDEX=1;SECTION=HEADER.FIELDS%20(SUBJECT)`)).toBe(
      'Subject: one\r\n\r\n',
    )
    expect(await curl(`${url}/INBOX?SUBJECT%20two`)).toBe('* SEARCH 2\r\n')
    await curl(`${url}/INBOX`, '-X', 'STORE 1 +FLAGS (\\Flagged $Forwarded)')
    await curl(`${url}/`, '-X', 'CREATE Kept')
    await curl(`${url}/INBOX`, '-X', 'UID MOVE 2 Kept')
    await curl(`${url}/INBOX`, '-X', 'UID COPY 1 Kept')
    await curl(`${url}/INBOX`, '-X', 'UID STORE 3 +FLAGS.SILENT \\Deleted')
    await curl(`${url}/INBOX`, '-X', 'EXPUNGE')
    const letterFile = (subject: string): string => {
      const file = join(directory, 'letter')
      writeFileSync(file, letter(subject))
      return file
    }
    await curl(`${url}/Kept`, '-T', letterFile('appended'))
    for (const [scheme, { hostname, port }] of [
      ['smtps', submissions],
      ['smtp', submission],
    ] as const) {
      const server = `${scheme}://${hostname}:${port}/client.a.com`
      const sent = letterFile(`by ${scheme}`)
      await curl(server, '--mail-from', address, '--mail-rcpt', address, '-T', sent)
    }
    const client = await host.connect('curl')
    await arrived(client, 'by smtp')
    await arrived(client, 'by smtps')
    expect(await contentsOf(client, 'INBOX')).toEqual({
      one: ['$Forwarded', '\\Flagged', '\\Seen'],
      'by smtp': [],
      'by smtps': [],
    })
    expect(await contentsOf(client, 'Kept')).toEqual({
      one: ['$Forwarded', '\\Flagged', '\\Seen'],
      two: ['\\Seen'],
      appended: ['\\Seen'],
    })
    await client.logout()
  },
)
