import { expect, test } from 'vitest'
import { fromLatin1, toLatin1 } from '../base/bytes.ts'
import { seededRandom } from '../base/random.ts'
import { addMs } from '../base/time.ts'
import { runSession } from '../drive/session.ts'
import { LabDisk } from '../lab/disk.ts'
import { labEntropy } from '../lab/entropy.ts'
import { fetchMail } from '../lab/mail-user.ts'
import { LabNetwork } from '../lab/network.ts'
import { labAccount, labPasswords } from '../lab/password.ts'
import { LabStore } from '../lab/store.ts'
import { World } from '../lab/world.ts'
import type { HostEvent } from '../ports/events.ts'
import type { ByteStream } from '../ports/network.ts'
import { Pop3Client, type Pop3ClientReport } from '../proto/pop3/client.ts'
import { INACTIVITY_MS } from '../proto/pop3/limits.ts'
import { Accounts } from './accounts.ts'
import { LoginAttempts } from './login-attempts.ts'
import { Mailboxes } from './mailbox/mailboxes.ts'
import { Maildir } from './maildir.ts'
import { Maildrops } from './maildrops.ts'
import { Pop3Service, type Pop3ServiceOptions } from './pop3-service.ts'

const SERVER = { host: '172.21.0.3', port: 110 }
const ADA = { user: 'ada', password: 'secret' }

/** A server with its mailboxes on one host, a mail program on another. */
class Scene {
  readonly world: World = new World({
    settle: () => new Promise((resolve) => setImmediate(resolve)),
  })
  readonly events: HostEvent[] = []
  readonly disk: LabDisk = new LabDisk({ clock: this.world, latencyMs: 1 })
  readonly #network = new LabNetwork({ world: this.world, random: seededRandom(1) })
  readonly #server = this.#network.addHost('mail-1', 'earth', SERVER.host)
  readonly #program = this.#network.addHost('mail-3', 'earth', '172.21.0.4')
  readonly #entropy = labEntropy(seededRandom(2))
  readonly #maildirs = new Map<string, Maildir>()
  readonly #maildrops = new Maildrops()
  readonly mailboxes: Mailboxes = new Mailboxes(
    { hostname: 'mail-1.a.com', maildirOf: (name) => `/home/${name}/Maildir` },
    {
      disk: this.disk,
      openIndex: async () => new LabStore(),
      clock: this.world,
      entropy: this.#entropy,
    },
  )
  service: Pop3Service | undefined

  async start(options: Partial<Pop3ServiceOptions> = {}): Promise<void> {
    const accounts = new Accounts(['a.com'], labPasswords)
    accounts.replace([labAccount('ada', 'secret'), labAccount('bob', 'other')])
    this.service = new Pop3Service(
      { listen: SERVER, plaintextAuth: 'allow', oneWayDelayMs: 0, ...options },
      {
        service: 'pop3',
        maildrops: this.#maildrops,
        hostname: 'mail-1.a.com',
        network: this.#server.network,
        clock: this.world,
        entropy: this.#entropy,
        events: (event) => this.events.push(event),
        accounts,
        logins: new LoginAttempts(this.world),
        mailboxesOf: (account) => this.mailboxes.of(account.name),
      },
    )
    await this.perform(this.service.start())
  }

  maildir(name: string): Maildir {
    const found = this.#maildirs.get(name)
    if (found !== undefined) return found
    const ports = { disk: this.disk, clock: this.world, entropy: this.#entropy }
    const made = new Maildir(`/home/${name}/Maildir`, 'mail-1.a.com', ports)
    this.#maildirs.set(name, made)
    return made
  }

  async deliver(name: string, text: string): Promise<void> {
    const action = async (): Promise<void> => {
      const draft = await this.maildir(name).create()
      await draft.write(fromLatin1(text))
      await this.maildir(name).place(await draft.prepare())
    }
    await this.perform(action())
  }

  /** Paths of what lies in `new` and `cur`. */
  async files(name: string): Promise<readonly string[]> {
    const paths: string[] = []
    for (const place of ['new', 'cur']) {
      const directory = `/home/${name}/Maildir/${place}`
      const names = await this.perform(this.disk.list(directory))
      paths.push(...names.map((file) => `${directory}/${file}`))
    }
    return paths
  }

  /** Lets time pass until `work` is done. */
  perform<T>(work: Promise<T>): Promise<T> {
    return this.world.perform(work)
  }

  async fetch(login: typeof ADA): Promise<readonly string[]> {
    const ports = { network: this.#program.network, clock: this.world }
    const mails = await this.perform(fetchMail(SERVER, login, ports))
    return mails.map((mail) => toLatin1(mail.message))
  }

  async connect(): Promise<Talk> {
    const stream = await this.perform(this.#program.network.connect(SERVER, 10_000))
    return new Talk(this, stream)
  }

  seen(type: HostEvent['type']): readonly HostEvent[] {
    return this.events.filter((event) => event.type === type)
  }
}

/** A person at a terminal. */
class Talk {
  readonly stream: ByteStream
  readonly #scene: Scene
  heard = ''
  isEnded = false

  constructor(scene: Scene, stream: ByteStream) {
    this.#scene = scene
    this.stream = stream
    stream.onBytes = (bytes) => {
      this.heard += toLatin1(bytes)
    }
    stream.onEnd = () => {
      this.isEnded = true
    }
  }

  /** What comes within a minute of it. */
  async say(...lines: readonly string[]): Promise<string> {
    this.heard = ''
    for (const line of lines) this.stream.send(fromLatin1(`${line}\r\n`))
    await this.wait(60_000)
    return this.heard
  }

  async wait(durationMs: number): Promise<void> {
    await this.#scene.world.run(addMs(this.#scene.world.now(), durationMs))
  }
}

async function scene(options?: Partial<Pop3ServiceOptions>): Promise<Scene> {
  const made = new Scene()
  await made.start(options)
  return made
}

test('a mail program fetches what is in the mailbox, and each step is told', async () => {
  const s = await scene()
  await s.deliver('ada', 'Subject: 1\r\n\r\n.one\r\n')
  await s.deliver('ada', `Subject: 2\n\n${'x'.repeat(200_000)}`)
  expect(await s.fetch(ADA)).toEqual([
    'Subject: 1\r\n\r\n.one\r\n',
    `Subject: 2\r\n\r\n${'x'.repeat(200_000)}\r\n`,
  ])
  await s.world.run()
  expect(s.events.map((event) => event.type)).toEqual([
    ...['listening', 'session-opened', 'authenticated'],
    ...['mail-retrieved', 'mail-retrieved', 'session-closed'],
  ])
  const [first = ''] = await s.files('ada')
  const uid = first.slice(first.lastIndexOf('/') + 1, first.indexOf(','))
  expect(s.seen('mail-retrieved')[0]).toMatchObject({ user: 'ada', uid, sizeBytes: 20 })
})

test('what the program removes is gone after QUIT, and only then (RFC 1939 §6)', async () => {
  const s = await scene()
  await s.deliver('ada', 'one\r\n')
  await s.deliver('ada', 'two\r\n')
  const broken = await s.connect()
  await broken.say('USER ada', 'PASS secret', 'DELE 1')
  broken.stream.abort()
  await broken.wait(1000)
  expect(await s.fetch(ADA)).toHaveLength(2)
  const talk = await s.connect()
  expect(await talk.say('USER ada', 'PASS secret', 'DELE 1', 'QUIT')).toContain('+OK bye')
  expect(await s.fetch(ADA)).toEqual(['two\r\n'])
})

test('a maildrop is open in one session at a time (RFC 1939 §4, RFC 2449 §8.1.2)', async () => {
  const s = await scene()
  const [first, second] = [await s.connect(), await s.connect()]
  await first.say('USER ada', 'PASS secret')
  expect(await second.say('USER ada@a.com', 'PASS secret')).toContain('-ERR [IN-USE]')
  expect(await second.say('USER bob', 'PASS other')).toContain('+OK 0 messages')
  await first.say('QUIT')
  expect(await s.fetch(ADA)).toEqual([])
  // A connection that breaks gives the maildrop back as well.
  const third = await s.connect()
  await third.say('USER ada', 'PASS secret')
  third.stream.abort()
  await third.wait(1000)
  expect(await s.fetch(ADA)).toEqual([])
})

test('a wrong password is refused and told; the user name is in the log, the password is not', async () => {
  const s = await scene()
  const talk = await s.connect()
  expect(await talk.say('USER ada', 'PASS wrong')).toContain('-ERR [AUTH]')
  expect(await talk.say('USER nobody', 'PASS wrong')).toContain('-ERR [AUTH]')
  expect(s.seen('authentication-failed')).toMatchObject([{ user: 'ada' }, { user: 'nobody' }])
  await talk.say('RETR wrong')
  expect(s.seen('command-refused')).toMatchObject([{ command: 'RETR' }])
  expect(JSON.stringify(s.events)).not.toContain('wrong')
})

test('where passwords may not cross the network nobody logs in (RFC 2595 §2.3)', async () => {
  const s = await scene({ plaintextAuth: 'refuse' })
  await expect(s.fetch(ADA)).rejects.toMatchObject({ code: 'pop3/refused' })
})

test('sessions beyond the bounds are turned away, in all and from one address', async () => {
  for (const bound of ['sessionsMax', 'sessionsPerPeerMax'] as const) {
    const s = await scene({ [bound]: 2 })
    const [first] = [await s.connect(), await s.connect()]
    const third = await s.connect()
    await third.wait(1000)
    expect(third.heard).toBe('-ERR [SYS/TEMP] too many sessions, try again later\r\n')
    expect(third.isEnded).toBe(true)
    expect(s.seen('session-refused')).toHaveLength(1)
    await first.say('QUIT')
    expect(await s.fetch(ADA)).toEqual([])
  }
})

test('a maildrop is opened again only after the login delay (RFC 2449 §6.5)', async () => {
  const s = await scene({ loginDelayMs: 299_500 })
  const [first, early, late] = [await s.connect(), await s.connect(), await s.connect()]
  expect(await first.say('CAPA')).toContain('LOGIN-DELAY 300\r\n')
  expect(await first.say('USER ada', 'PASS wrong')).toContain('-ERR [AUTH]')
  expect(await first.say('USER ada', 'PASS secret', 'QUIT')).toContain('+OK bye')
  expect(await early.say('USER ada', 'PASS secret')).toContain('-ERR [LOGIN-DELAY]')
  expect(await early.say('USER bob', 'PASS other')).toContain('+OK 0 messages')
  await late.wait(240_000)
  expect(await late.say('USER ada', 'PASS secret')).toContain('+OK 0 messages')
})

test('a unique-id is the name of the file, whatever else is done to it (RFC 1939 §7)', async () => {
  const s = await scene()
  await s.deliver('ada', 'one\r\n')
  const put = async (): Promise<void> => {
    await s.disk.writeNew('/home/ada/Maildir/new/1.other program', fromLatin1('a\nb\n'))
    await s.disk.writeNew('/home/ada/Maildir/cur/2.b,S=4,W=6:2,RS', fromLatin1('a\nb\n'))
  }
  await s.perform(put())
  const uidl = async (): Promise<string> => {
    const talk = await s.connect()
    return (await talk.say('USER ada', 'PASS secret', 'UIDL', 'LIST', 'QUIT')).replace(
      /\+OK.*/g,
      '',
    )
  }
  const first = await uidl()
  expect(first).toMatch(/1 ~[0-9a-f]{16}\r\n2 17\d+\.M\d+P\d+\.mail-1\.a\.com\r\n3 2\.b\r\n\.\r\n/)
  expect(first).toContain('1 6\r\n2 5\r\n3 6\r\n')
  const inbox = await s.perform(s.mailboxes.of('ada').open('INBOX'))
  await s.perform(inbox.store([...inbox.uids], { mode: 'add', flags: ['\\Seen', 'Work'] }))
  expect(await uidl()).toBe(first)
})

test('an idle session ends and removes nothing (RFC 1939 §3)', async () => {
  const s = await scene()
  await s.deliver('ada', 'one\r\n')
  const talk = await s.connect()
  await talk.say('USER ada', 'PASS secret', 'DELE 1')
  await talk.wait(INACTIVITY_MS)
  expect(talk.isEnded).toBe(true)
  expect(await s.fetch(ADA)).toHaveLength(1)
})

test('a message that another program moves meanwhile is still read; one that it removes is refused', async () => {
  const s = await scene()
  await s.deliver('ada', 'one\r\n')
  await s.deliver('ada', 'two\r\n')
  const talk = await s.connect()
  await talk.say('USER ada', 'PASS secret')
  const [one, two] = await s.files('ada')
  const moved = one?.replace('/new/', '/cur/').concat(':2,S') ?? ''
  await s.perform(s.disk.rename(one ?? '', moved))
  await s.perform(s.disk.remove(two ?? ''))
  expect(await talk.say('RETR 1')).toBe('+OK 5 octets\r\none\r\n.\r\n')
  expect(await talk.say('RETR 2')).toContain('-ERR [SYS/TEMP]')
  expect(s.seen('trouble')).toHaveLength(1)
  expect(await talk.say('DELE 1', 'DELE 2', 'QUIT')).toContain('+OK bye')
  expect(await s.fetch(ADA)).toEqual([])
})

test('a mailbox that cannot be opened is temporarily not there, and free again', async () => {
  const s = await scene()
  const blocker = async (): Promise<void> => {
    await s.disk.makeDirectory('/home/ada')
    await (await s.disk.create('/home/ada/Maildir')).close()
  }
  await s.perform(blocker())
  await expect(s.fetch(ADA)).rejects.toMatchObject({ code: 'pop3/refused', temporary: true })
  await s.perform(s.disk.remove('/home/ada/Maildir'))
  expect(await s.fetch(ADA)).toEqual([])
})

test('stopping finishes what a QUIT has begun and ends the rest without removing', async () => {
  const s = await scene()
  await s.deliver('ada', 'one\r\n')
  await s.deliver('bob', 'two\r\n')
  const [leaving, staying] = [await s.connect(), await s.connect()]
  await leaving.say('USER ada', 'PASS secret', 'DELE 1')
  await staying.say('USER bob', 'PASS other', 'DELE 1')
  leaving.stream.send(fromLatin1('QUIT\r\n'))
  await leaving.wait(0.5)
  await s.perform(s.service?.stop() ?? Promise.resolve())
  await leaving.wait(1000)
  expect(leaving.isEnded && staying.isEnded).toBe(true)
  await expect(s.connect()).rejects.toMatchObject({ code: 'network/refused' })
  expect(await s.files('ada')).toHaveLength(0)
  expect(await s.files('bob')).toHaveLength(1)
})

test('stopping in the middle of a download breaks nothing, and what comes after it is not asked for', async () => {
  const s = await scene()
  await s.deliver('ada', `${'x'.repeat(76)}\r\n`.repeat(1538))
  const talk = await s.connect()
  await talk.say('USER ada', 'PASS secret')
  talk.stream.pause()
  talk.stream.send(fromLatin1('RETR 1\r\n'))
  // The first piece is being read from the disk.
  await talk.wait(0.5)
  await s.perform(s.service?.stop() ?? Promise.resolve())
  talk.stream.resume()
  await talk.wait(60_000)
  expect(talk.isEnded).toBe(true)
  expect(s.seen('mail-retrieved')).toEqual([])
  expect(s.seen('trouble')).toEqual([])
  expect(s.seen('session-closed')).toHaveLength(1)
})

test('the client machine removes what its owner says is safe', async () => {
  const s = await scene()
  await s.deliver('ada', 'one\r\n')
  await s.deliver('ada', 'two\r\n')
  const { stream } = await s.connect()
  const last = new Promise<Pop3ClientReport>((resolve) => {
    runSession(new Pop3Client(ADA), stream, s.world, (effect, answer) => {
      if (effect.type === 'maildrop') answer({ type: 'retrieve', numbers: [2] })
      else if (effect.type === 'retrieved') answer({ type: 'finish', remove: [2] })
      else if (effect.type === 'finished' || effect.type === 'failed') resolve(effect)
    })
  })
  expect(await s.perform(last)).toEqual({ type: 'finished', removedAll: true })
  expect(await s.fetch(ADA)).toEqual(['one\r\n'])
})
