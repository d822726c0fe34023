/** A mail host without its ports: queue and mailboxes over lab stores that can lose their power. */

import { fromUtf8, toUtf8 } from '../../src/base/bytes.ts'
import { Fault } from '../../src/base/fault.ts'
import { seededRandom } from '../../src/base/random.ts'
import { addMs } from '../../src/base/time.ts'
import { type DiskImage, LabDisk } from '../../src/lab/disk.ts'
import { labEntropy } from '../../src/lab/entropy.ts'
import { labAccount, labPasswords } from '../../src/lab/password.ts'
import { LabStore, type StoreImage } from '../../src/lab/store.ts'
import { HostClock, World } from '../../src/lab/world.ts'
import { type Account, Accounts } from '../../src/mail/accounts.ts'
import { type Alias, Aliases } from '../../src/mail/aliases.ts'
import type { DeliveryTarget, MailStart, Outcome } from '../../src/mail/delivery.ts'
import type { DeliveryFilter } from '../../src/mail/delivery-filter.ts'
import { LocalTarget } from '../../src/mail/local-target.ts'
import { Maildir } from '../../src/mail/maildir.ts'
import { maildirUsage } from '../../src/mail/maildir-usage.ts'
import { MailQueue, type QueueOptions } from '../../src/mail/queue.ts'
import { newQueueId } from '../../src/mail/queue-id.ts'
import { NO_QUOTAS, type QuotaOptions, Quotas } from '../../src/mail/quotas.ts'
import { type RelayRules, Routes, type Rule } from '../../src/mail/route.ts'
import type { Disk } from '../../src/ports/disk.ts'
import type { HostEvent } from '../../src/ports/events.ts'
import type { Store } from '../../src/ports/store.ts'
import type { Mailbox, ReversePath } from '../../src/proto/smtp/envelope.ts'
import { formatMailbox, parseMailbox } from '../../src/proto/smtp/path.ts'

export const HOST = 'mail-1.a.com'

export const QUEUE_OPTIONS: QueueOptions = {
  hostname: HOST,
  spool: { bytesMax: 10_000_000, messagesMax: 1000 },
  schedules: {
    local: { firstRetryMs: 60_000, retryMaxMs: 600_000, giveUpAfterMs: 3_600_000, attemptsMax: 4 },
    bp: { firstRetryMs: 60_000, retryMaxMs: 600_000, giveUpAfterMs: 3_600_000, attemptsMax: 4 },
    other: { firstRetryMs: 60_000, retryMaxMs: 600_000, giveUpAfterMs: 3_600_000, attemptsMax: 4 },
  },
}

const ACCOUNTS: readonly Account[] = [labAccount('user', '123456'), labAccount('other', 'secret')]

/** The power fails at the operation with this number, on store or disk: before or after it. */
export interface PowerCut {
  readonly operation: number
  readonly moment: 'before' | 'after'
}

export interface StageOptions {
  readonly world?: World
  readonly storeImage?: StoreImage
  readonly diskImage?: DiskImage
  readonly seed?: number
  readonly clockAheadMs?: number
  readonly powerCut?: PowerCut
  readonly queue?: Partial<QueueOptions>
  readonly aliases?: readonly Alias[]
  /** Beside the one to `mail-2.a.com`. */
  readonly rules?: readonly Rule[]
  readonly relay?: RelayRules
  /** What a delivery to another host ends with; undefined: never. Default: delivered. */
  readonly remote?: (mail: MailStart, recipient: Mailbox) => Promise<Outcome>
  readonly store?: (store: Store) => Store
  readonly disk?: (disk: Disk) => Disk
  readonly filter?: DeliveryFilter
  readonly quotas?: QuotaOptions
}

export interface Stage {
  readonly world: World
  readonly store: LabStore
  readonly disk: LabDisk
  readonly clock: HostClock
  readonly entropy: ReturnType<typeof labEntropy>
  readonly accounts: Accounts
  readonly routes: Routes
  readonly local: LocalTarget
  maildir(user: string): Maildir
  readonly queue: MailQueue
  readonly events: HostEvent[]
  /** What other hosts were given: `recipient: message`. */
  readonly sent: string[]
  /** How many operations on store and disk there were. */
  operations(): number
  /** Everything stops; what is durable. */
  crash(): { readonly storeImage: StoreImage; readonly diskImage: DiskImage }
  /** The messages in a user's `new`. */
  inbox(user: string): Promise<readonly string[]>
}

export function newWorld(): World {
  return new World({ settle: () => new Promise((resolve) => setImmediate(resolve)) })
}

export function mailStage(options: StageOptions = {}): Stage {
  const world = options.world ?? newWorld()
  const clock = new HostClock(world, options.clockAheadMs)
  const entropy = labEntropy(seededRandom(options.seed ?? 1))
  const store = new LabStore({}, options.storeImage)
  const disk = new LabDisk({ clock }, options.diskImage)
  const power = powerSwitch(options.powerCut)
  const events: HostEvent[] = []
  const sent: string[] = []
  const ports = {
    clock,
    entropy,
    events: (event: HostEvent) => void events.push(event),
    store: power.store((options.store ?? ((same) => same))(store)),
    disk: power.disk((options.disk ?? ((same) => same))(disk)),
  }
  const routes = new Routes(
    [HOST],
    [
      { domain: 'mail-2.a.com', nextHop: { transport: 'bp', nextHop: 'ipn:3.2525' } },
      ...(options.rules ?? []),
    ],
    options.relay,
  )
  const accounts = new Accounts(routes.localDomains, labPasswords)
  accounts.replace(ACCOUNTS)
  const maildirs = new Map(
    ACCOUNTS.map(({ name }) => [name, new Maildir(`/home/${name}/Maildir`, HOST, ports)]),
  )
  const maildirOf = (name: string): Maildir => {
    const maildir = maildirs.get(name)
    if (maildir === undefined) throw new Error(`no Maildir for ${name}`)
    return maildir
  }
  const aliases = new Aliases(options.aliases ?? [], (one) => accounts.find(one) !== undefined)
  const local = new LocalTarget(
    accounts,
    {
      disk: ports.disk,
      maildirOf: ({ name }) => maildirOf(name),
      subaddress: 'folder',
      told: () => {},
      redirect: (...mail) => queue.redirect(...mail),
      ...(options.filter && { filter: options.filter }),
      quotas: new Quotas(
        options.quotas ?? NO_QUOTAS,
        (name) => maildirUsage(ports.disk, `/home/${name}/Maildir`),
        clock,
      ),
    },
    aliases,
  )
  const queue: MailQueue = new MailQueue({ ...QUEUE_OPTIONS, ...options.queue }, ports, {
    routes,
    aliases,
    local,
    remote: () => remoteTarget(options.remote, sent),
    withdraw: () => {},
    forget: () => [],
  })
  return {
    ...{ world, store, disk, clock, entropy, accounts, routes, local, queue, events, sent },
    maildir: maildirOf,
    operations: power.operations,
    crash: () => {
      clock.stop()
      return { storeImage: store.crash(), diskImage: disk.crash() }
    },
    inbox: async (user) => {
      const directory = `/home/${user}/Maildir/new`
      if ((await disk.stat(directory)) === undefined) return []
      const names = await disk.list(directory)
      return Promise.all(
        names.map(async (name) => {
          const reader = await disk.open(`${directory}/${name}`)
          return toUtf8(await reader.read(0, reader.sizeBytes))
        }),
      )
    },
  }
}

/** Hands a mail to the queue; resolves with its id once it is accepted. */
export async function submit(
  stage: Stage,
  recipients: readonly string[],
  message = 'Subject: hello\r\n\r\nHello\r\n',
  sender: string | undefined = `user@${HOST}`,
): Promise<string> {
  const queueId = newQueueId(stage.clock, stage.entropy)
  const reversePath: ReversePath = sender === undefined ? undefined : mailbox(sender)
  const delivery = await stage.queue.start({ queueId, from: { reversePath, parameters: {} } })
  for (const recipient of recipients) await delivery.addRecipient(mailbox(recipient))
  await delivery.write(fromUtf8(message))
  for (const outcome of await delivery.commit()) {
    if (outcome.type === 'refused') throw outcome.fault
  }
  return queueId
}

export function mailbox(text: string): Mailbox {
  const parsed = parseMailbox(text)
  if (parsed === undefined) throw new Error(`no mailbox: ${text}`)
  return parsed
}

export function refusal(kind: 'temporary' | 'permanent'): Outcome {
  const temporary = kind === 'temporary'
  return { type: 'refused', fault: new Fault('test/refused', `${kind} trouble`, { temporary }) }
}

function remoteTarget(
  decide: StageOptions['remote'] = async () => ({ type: 'delivered', detail: 'ipn:3.2525' }),
  sent: string[],
): DeliveryTarget {
  return {
    start: async (mail) => {
      const recipients: Mailbox[] = []
      let message = ''
      return {
        addRecipient: async (recipient) => void recipients.push(recipient),
        write: async (bytes) => {
          message += toUtf8(bytes)
        },
        commit: () => {
          for (const recipient of recipients) sent.push(`${formatMailbox(recipient)}: ${message}`)
          return Promise.all(recipients.map((recipient) => decide(mail, recipient)))
        },
        abort: async () => {},
      }
    },
  }
}

export interface PowerSwitch {
  operations(): number
  store(store: Store): Store
  disk(disk: Disk): Disk
}

/** Counts what changes something, and once the power is cut lets nothing more happen. */
export function powerSwitch(cut: PowerCut | undefined): PowerSwitch {
  let count = 0
  const never = new Promise<never>(() => {})
  const pass = async <T>(operation: () => Promise<T>): Promise<T> => {
    const number = ++count
    if (cut === undefined || number < cut.operation) return operation()
    if (number === cut.operation && cut.moment === 'after') await operation()
    return never
  }
  return {
    operations: () => count,
    store: (store) => ({
      get: (table, key) => store.get(table, key),
      range: (table, range) => store.range(table, range),
      keys: (table, range) => store.keys(table, range),
      commit: (changes) => pass(() => store.commit(changes)),
      close: () => store.close(),
    }),
    disk: (disk) => ({
      create: async (path) => {
        const writer = await pass(() => disk.create(path))
        return {
          append: (bytes) => pass(() => writer.append(bytes)),
          sync: () => pass(() => writer.sync()),
          close: () => writer.close(),
        }
      },
      writeNew: (path, bytes) => pass(() => disk.writeNew(path, bytes)),
      open: (path) => disk.open(path),
      readStarts: (files) => disk.readStarts(files),
      digestStarts: (files, digest) => disk.digestStarts(files, digest),
      rename: (from, to) => pass(() => disk.rename(from, to)),
      renameEach: (moves) => pass(() => disk.renameEach(moves)),
      link: (from, to) => pass(() => disk.link(from, to)),
      remove: (path) => pass(() => disk.remove(path)),
      removeEach: (paths) => pass(() => disk.removeEach(paths)),
      removeDirectory: (path) => pass(() => disk.removeDirectory(path)),
      syncDirectory: (path) => pass(() => disk.syncDirectory(path)),
      makeDirectory: (path) => pass(() => disk.makeDirectory(path)),
      list: (path) => disk.list(path),
      stat: (path) => disk.stat(path),
    }),
  }
}

/** Lets virtual time pass by so much. */
export function pass(stage: Stage, durationMs: number): Promise<void> {
  return stage.world.run(addMs(stage.world.now(), durationMs))
}

/** The methods of a disk as a plain object, to replace some of them. */
export function wrapped(disk: Disk): Disk {
  return {
    create: (path) => disk.create(path),
    writeNew: (path, bytes) => disk.writeNew(path, bytes),
    open: (path) => disk.open(path),
    readStarts: (files) => disk.readStarts(files),
    digestStarts: (files, digest) => disk.digestStarts(files, digest),
    rename: (from, to) => disk.rename(from, to),
    renameEach: (moves) => disk.renameEach(moves),
    link: (from, to) => disk.link(from, to),
    remove: (path) => disk.remove(path),
    removeEach: (paths) => disk.removeEach(paths),
    removeDirectory: (path) => disk.removeDirectory(path),
    syncDirectory: (path) => disk.syncDirectory(path),
    makeDirectory: (path) => disk.makeDirectory(path),
    list: (path) => disk.list(path),
    stat: (path) => disk.stat(path),
  }
}
