import { dirname, join, resolve } from 'node:path'
import { asFault, Fault } from '../base/fault.ts'
import { MailHost } from '../bridge/mail-host.ts'
import { certificateNamesOf } from '../bridge/mail-host-options.ts'
import type { NodeConfig } from '../config/node-config.ts'
import { hostClock } from '../host/clock.ts'
import { hostCompression } from '../host/compression.ts'
import { hostCrc32c } from '../host/crc32c.ts'
import { diskWithDigests } from '../host/disk.ts'
import { hostDns } from '../host/dns.ts'
import { hostEntropy } from '../host/entropy.ts'
import { hostHttps } from '../host/https.ts'
import { hostLocalUsers } from '../host/local-users.ts'
import { type LogOptions, logSink } from '../host/log.ts'
import { LogFile } from '../host/log-file.ts'
import { serveMetrics } from '../host/metrics-server.ts'
import { hostNetwork } from '../host/network.ts'
import { hostPacking } from '../host/packing.ts'
import { hostPasswords } from '../host/password.ts'
import { hostProcesses } from '../host/process.ts'
import { openLmdbStore } from '../host/store.ts'
import { TlsKeeper } from '../host/tls-keeper.ts'
import { watchClock } from '../mail/clock-watch.ts'
import type { EventSink } from '../ports/events.ts'
import { formatAddress } from '../ports/network.ts'
import { withCredentials } from './credential-files.ts'
import { EXIT, Failure, reasonOf } from './failure.ts'
import { makeFolder } from './files.ts'
import { readConfig } from './host-config.ts'
import {
  announceNode,
  controlSocketOf,
  joinPlaces,
  publicSocketOf,
  sharedPlaceOf,
} from './ion/registry.ts'
import { keepFiles } from './kept-files.ts'
import { leaveSoon, onHangup, signalled } from './signal.ts'

export interface ServeArguments {
  readonly config: string
  readonly log: 'lines' | 'json'
}

/** Runs one host on real sockets and files until SIGINT or SIGTERM. */
export async function serve({ config: configFile, log: format }: ServeArguments): Promise<void> {
  const config = readConfig(configFile)
  const directory = resolve(dirname(configFile), config.directory)
  const { host: name, node } = config
  const stopped = signalled()
  const about = { host: name, pid: process.pid, clock: hostClock }
  try {
    const events = eventsOf(
      config,
      configFile,
      logSink(process.stdout, { format, ...about }),
      about,
    )
    const control = controlSocketOf(node, directory)
    const shared = await sharedPlaceOf(node, control)
    const store = await openLmdbStore(`${directory}/store`, {
      capacityBytes: config.limits.storeBytesMax,
    })
    let stop = async (): Promise<void> => {}
    try {
      const tls = keepTls(config, configFile, directory)
      // The library behind it takes a tenth of a second to load, which no other command should wait for.
      const { hostMailAuthentication } = await import('../host/mail-authentication.ts')
      const dns = hostDns({ clock: hostClock, ...config.dns })
      const host = new MailHost(withCredentials(config, configFile), {
        homes: `${directory}/home`,
        clock: hostClock,
        crc32c: hostCrc32c,
        compression: hostCompression,
        network: hostNetwork,
        disk: diskWithDigests(DIGESTS),
        store,
        openIndex: (account) =>
          openLmdbStore(`${directory}/home/${account}/index`, {
            capacityBytes: INDEX_BYTES_MAX,
            isDisposable: true,
          }),
        entropy: hostEntropy,
        dns,
        https: hostHttps(),
        processes: hostProcesses,
        authentication: hostMailAuthentication({ dns, clock: hostClock, hostname: name }),
        events,
        packing: hostPacking,
        passwords: hostPasswords(),
        tls,
        control: { host: control, port: 0 },
        localPrograms: {
          submission: publicSocketOf(shared, 'submit'),
          queue: publicSocketOf(shared, 'queue'),
          users: hostLocalUsers,
        },
      })
      const ends = [keepFiles(host, config, configFile, events)]
      stop = () => {
        for (const end of ends.splice(0)) end()
        return host.stop()
      }
      ends.push(await answerMetrics(config, () => host.metrics(), events))
      await Promise.race([host.start(), stopped])
      ends.push(
        await announceNode(node, control),
        joinPlaces(control, shared),
        reloadTls(tls, events),
        watchClock(hostClock, events),
      )
      await stopped
    } finally {
      await stop()
      await store.close()
      leaveSoon()
    }
  } catch (error) {
    if (error instanceof Failure) throw error
    if (error instanceof Fault && error.code.startsWith('config/')) {
      throw new Failure(EXIT.usage, error.message)
    }
    const isOfSystem = (error as NodeJS.ErrnoException).syscall !== undefined
    const reason = isOfSystem ? reasonOf(error) : asFault(error).message
    throw new Failure(EXIT.failed, `lightlag serve: ${reason}`)
  }
}

/** The files that the configuration names, from its own folder; else those in the host's directory. */
function keepTls(config: NodeConfig, configFile: string, directory: string): TlsKeeper {
  const fileOf = (name: string): string => resolve(dirname(configFile), name)
  const { certificate, key, authority } = config.tls ?? {}
  const own = join(directory, 'tls')
  makeFolder(own, 0o700)
  const identity =
    certificate === undefined || key === undefined
      ? undefined
      : { certificate: fileOf(certificate), key: fileOf(key) }
  return new TlsKeeper(
    {
      identity,
      authority: authority === undefined ? undefined : fileOf(authority),
      directory: own,
      names: certificateNamesOf(config),
    },
    () => hostClock.wall(),
  )
}

/** To the file for programs too, where there is to be one. */
function eventsOf(
  { log }: NodeConfig,
  configFile: string,
  lines: EventSink,
  about: Omit<LogOptions, 'format'>,
): EventSink {
  if (log === undefined) return lines
  const file = new LogFile(resolve(dirname(configFile), log.json))
  onHangup(() => file.reopen())
  const objects = logSink(file, { format: 'json', ...about })
  return (event) => {
    lines(event)
    objects(event)
  }
}

async function answerMetrics(
  { metrics }: NodeConfig,
  text: () => string,
  events: EventSink,
): Promise<() => void> {
  if (metrics === undefined) return () => {}
  const server = await serveMetrics(metrics.listen, text)
  events({ type: 'listening', service: 'metrics', address: formatAddress(server.address) })
  return () => void server.stop()
}

/** Looks at the files again when it is asked to, and now and then, for they are renewed in time. */
function reloadTls(tls: TlsKeeper, events: EventSink): () => void {
  const where = 'certificates'
  const warn = (): void => {
    const reason = tls.warning()
    if (reason !== undefined) events({ type: 'trouble', where, reason })
  }
  const reload = (): void => {
    try {
      tls.reload()
    } catch (error) {
      events({ type: 'trouble', where, reason: asFault(error).message })
    }
    warn()
  }
  warn()
  const timer = setInterval(reload, RELOAD_MS)
  const forget = onHangup(reload)
  return () => {
    clearInterval(timer)
    forget()
  }
}

/** Of one account's index: no more than room in the address space before it is used. */
const INDEX_BYTES_MAX = 17_179_869_184

const RELOAD_MS = 3_600_000

/** What is found out about messages where they are read. */
const DIGESTS = new URL('../mail/mailbox/digests.js', import.meta.url)
