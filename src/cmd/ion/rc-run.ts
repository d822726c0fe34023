import { lookup } from 'node:dns/promises'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { asFault } from '../../base/fault.ts'
import { IonAdmin } from '../../config/ion/admin.ts'
import { bundleHostOf, hostNamesIn } from '../../config/ion/bundle-host.ts'
import { faultOf } from '../../config/ion/ion.ts'
import type { IonNode } from '../../config/ion/ion-node.ts'
import { formatNotice } from '../../config/ion/problem.ts'
import { BundleHost } from '../../dtn/bundle-host.ts'
import type { AdminSession } from '../../dtn/control/service.ts'
import { hostClock } from '../../host/clock.ts'
import { hostCrc32c } from '../../host/crc32c.ts'
import { logSink } from '../../host/log.ts'
import { hostNetwork } from '../../host/network.ts'
import { openLmdbStore } from '../../host/store.ts'
import { EXIT, Failure, reasonOf } from '../failure.ts'
import { makePrivateFolder } from '../files.ts'
import { readRc } from '../rc.ts'
import { leaveSoon, signalled } from '../signal.ts'
import { version } from '../version.ts'
import { announceNode, controlSocketOf } from './registry.ts'

export interface RcRunArguments {
  readonly directory: string | undefined
  readonly log: 'lines' | 'json'
}

const STORE_BYTES_MAX = 1_073_741_824

/** Runs the bundle node that ION's files describe, until SIGINT or SIGTERM. */
export async function rcRun(files: readonly string[], args: RcRunArguments): Promise<void> {
  const reading = readRc(files)
  const fault = faultOf(reading.problems)
  if (fault !== undefined) throw new Failure(EXIT.usage, fault.message)
  const { node: ion } = reading
  if (ion === undefined) {
    throw new Failure(EXIT.usage, 'lightlag rc run: no line says which node it is, as "1 2" does')
  }
  const { options, notices } = bundleHostOf(ion, await addressesOf(ion))
  for (const line of [...reading.notices.map(formatNotice), ...notices]) {
    process.stderr.write(`${line}\n`)
  }
  const name = `ipn-${ion.node}`
  const directory = resolve(args.directory ?? join('var', name))
  const control = { host: controlSocketOf(ion.node, directory), port: 0 }
  const events = logSink(process.stdout, {
    format: args.log,
    host: name,
    pid: process.pid,
    clock: hostClock,
  })
  const stopped = signalled()
  makePrivateFolder(directory)
  try {
    const store = await openLmdbStore(join(directory, 'store'), { capacityBytes: STORE_BYTES_MAX })
    const ports = {
      clock: hostClock,
      network: hostNetwork,
      store,
      events,
      crc32c: hostCrc32c,
    }
    const limits = { storeBytesMax: STORE_BYTES_MAX * BUNDLES_SHARE }
    const admin = new IonAdmin(reading.draft, notices, {
      wall: () => hostClock.wall(),
      apply: async (changed) => {
        const wanted = bundleHostOf(changed, await addressesOf(changed))
        await host.change(wanted.options)
        return wanted.notices
      },
      processes: { own: process.pid, isOpen: (endpoint) => host.isOpen(endpoint) },
      version: `lightlag ${version()}`,
    })
    const administer = (): AdminSession => admin.session()
    const host = new BundleHost({ ...options, control, limits }, { ...ports, administer })
    let withdraw = (): void => {}
    try {
      await Promise.race([host.start(), stopped])
      withdraw = await announceNode(ion.node, control.host)
      await stopped
    } finally {
      withdraw()
      await host.stop()
      await store.close()
      leaveSoon()
    }
  } catch (error) {
    if (error instanceof Failure) throw error
    throw new Failure(EXIT.failed, `lightlag rc run: ${asFault(error).message}`)
  }
}

/** Of the store's bytes; the rest is for its own books. */
const BUNDLES_SHARE = 0.8

/** ION reads the names of hosts when it starts, and so do we. */
async function addressesOf(ion: IonNode): Promise<ReadonlyMap<string, string>> {
  const addresses = new Map<string, string>()
  for (const name of hostNamesIn(ion)) {
    try {
      const { address } = await lookup(name === '@' ? hostname() : name, { family: 4 })
      addresses.set(name, address)
    } catch (error) {
      process.stderr.write(`host ${name} has no address: ${reasonOf(error)}\n`)
    }
  }
  return addresses
}
