import { dirname, resolve } from 'node:path'
import { asFault } from '../base/fault.ts'
import { MailHost } from '../bridge/mail-host.ts'
import { type NodeConfig, parseNodeConfig } from '../config/node-config.ts'
import { hostClock } from '../host/clock.ts'
import { hostDisk } from '../host/disk.ts'
import { hostEntropy } from '../host/entropy.ts'
import { logSink } from '../host/log.ts'
import { hostNetwork } from '../host/network.ts'
import { openLmdbStore } from '../host/store.ts'
import { EXIT, Failure, reasonOf } from './failure.ts'
import { readText } from './files.ts'
import { announceNode, controlSocketOf } from './ion/registry.ts'
import { leaveSoon, signalled } from './signal.ts'

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
  const events = logSink(process.stdout, { format, host: name, pid: process.pid, clock: hostClock })
  try {
    const control = controlSocketOf(node, directory)
    const store = await openLmdbStore(`${directory}/store`, {
      capacityBytes: config.limits.storeBytesMax,
    })
    const host = new MailHost(config, {
      homes: `${directory}/home`,
      clock: hostClock,
      network: hostNetwork,
      disk: hostDisk,
      store,
      entropy: hostEntropy,
      events,
      control: { host: control, port: 0 },
    })
    let withdraw = (): void => {}
    try {
      await Promise.race([host.start(), stopped])
      withdraw = announceNode(node, control)
      await stopped
    } finally {
      withdraw()
      await host.stop()
      await store.close()
      leaveSoon()
    }
  } catch (error) {
    if (error instanceof Failure) throw error
    const isOfSystem = (error as NodeJS.ErrnoException).syscall !== undefined
    const reason = isOfSystem ? reasonOf(error) : asFault(error).message
    throw new Failure(EXIT.failed, `lightlag serve: ${reason}`)
  }
}

function readConfig(file: string): NodeConfig {
  const parsed = parseNodeConfig(readText(file), file)
  if (!parsed.ok) throw new Failure(EXIT.usage, parsed.fault.message)
  return parsed.value
}
