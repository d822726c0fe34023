/**
 * Bundles between two nodes in two processes over loopback sockets, with the durable store and with
 * the one in memory. The README says what came out, and where the time goes.
 */

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { PayloadCrc } from '../dtn/node.ts'
import type { Job, Layer, StoreKind, Told } from './bundles-node.ts'

export interface BundlesOptions {
  readonly layers: readonly Layer[]
  readonly stores: readonly StoreKind[]
  readonly sizes: readonly number[]
  /** Default: as many as take some seconds. */
  readonly count: number | undefined
  /** Of UDP, in bytes of bundles; default UDP_RATES. */
  readonly rateBytesPerSec: number | undefined
  /** Each run is made with all of them. */
  readonly payloadCrcs: readonly PayloadCrc[]
}

export interface BundlesResult {
  readonly layer: Layer
  readonly store: StoreKind
  readonly bytes: number
  /** ION sends none. */
  readonly payloadCrc: PayloadCrc
  readonly bundles: number
  readonly lost: number
  readonly bundlesPerSec: number
  readonly mbitPerSec: number
  /** Times what ION 4.1.3 reached on the same layer and size: the lower of its figures. */
  readonly timesIon: number
  /** All threads of a process, its start included. */
  readonly cpuMicrosecPerBundle: { readonly sender: number; readonly receiver: number }
  /** At the end. */
  readonly rssMiB: { readonly sender: number; readonly receiver: number }
}

/** Bundles a second, UDP as far as it lost none; the machine was busier than it should be. */
const ION: Readonly<Record<Layer, Readonly<Record<number, number>>>> = {
  udp: { 1000: 2690, 10000: 1850 },
  tcp: { 1000: 6280, 10000: 4940 },
  stcp: { 1000: 7260, 10000: 8140 },
}

/**
 * Nobody slows a sender of datagrams down. The receiver's socket holds some 490 datagrams of 10 KB
 * (`net.core.rmem_max`), so at the higher rate a pause of 50 ms loses none, at the lower one of 65 ms.
 */
const UDP_RATES: Readonly<Record<StoreKind, Readonly<Record<number, number>>>> = {
  memory: { 1000: 18e6, 10000: 98e6 },
  durable: { 1000: 18e6, 10000: 75e6 },
}

/** As `bin/lightlag.js` starts Node: what is in flight is not copied by every small collection. */
const FLAGS = ['--max-semi-space-size=64']
const NODE = fileURLToPath(new URL('bundles-node.js', import.meta.url))

export async function* benchBundles(options: BundlesOptions): AsyncIterable<BundlesResult> {
  for (const layer of options.layers) {
    for (const bytes of options.sizes) {
      for (const store of options.stores) {
        const count = options.count ?? 300_000
        const rate = options.rateBytesPerSec ?? UDP_RATES[store][bytes]
        const rateBytesPerSec = layer === 'udp' ? rate : undefined
        for (const payloadCrc of options.payloadCrcs) {
          yield await measure({ layer, bytes, store, count, rateBytesPerSec, payloadCrc })
        }
      }
    }
  }
}

async function measure(job: Omit<Job, 'role' | 'directory' | 'to'>): Promise<BundlesResult> {
  const directory = mkdtempSync(join(tmpdir(), 'lightlag-bench-'))
  const children: ChildProcess[] = []
  const start = (own: Pick<Job, 'role' | 'to'>): ChildProcess => {
    const child = fork(
      NODE,
      [JSON.stringify({ ...job, ...own, directory: join(directory, own.role) })],
      { execArgv: FLAGS },
    )
    children.push(child)
    return child
  }
  try {
    const receiver = start({ role: 'receiver', to: '' })
    const listening = await told(receiver, 'listening')
    const sender = start({ role: 'sender', to: listening.address })
    const sent = told(sender, 'sent')
    const received = await told(receiver, 'received')
    const { startedAt, ...sending } = await sent
    const sec = (received.endedAt - startedAt) / 1000
    const bundlesPerSec = Math.round(received.count / sec)
    const ion = ION[job.layer][job.bytes]
    const perBundle = (cpuSec: number): number => Math.round((cpuSec * 1e6) / job.count)
    return {
      layer: job.layer,
      store: job.store,
      bytes: job.bytes,
      payloadCrc: job.payloadCrc,
      bundles: job.count,
      lost: job.count - received.count,
      bundlesPerSec,
      mbitPerSec: Math.round((received.count * job.bytes * 8) / sec / 1e6),
      timesIon: ion === undefined ? Number.NaN : Math.round((10 * bundlesPerSec) / ion) / 10,
      cpuMicrosecPerBundle: {
        sender: perBundle(sending.cpuSec),
        receiver: perBundle(received.cpuSec),
      },
      rssMiB: { sender: sending.rssMiB, receiver: received.rssMiB },
    }
  } finally {
    for (const child of children) child.kill('SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  }
}

async function told<Type extends Told['type']>(
  child: ChildProcess,
  type: Type,
): Promise<Extract<Told, { type: Type }>> {
  for (;;) {
    const [message] = (await once(child, 'message')) as [Told]
    if (message.type === type) return message as Extract<Told, { type: Type }>
  }
}
