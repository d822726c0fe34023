/**
 * Bundles between two nodes in two processes over loopback sockets, with the durable store and with
 * the one in memory: `npm run bench:bundles -- [layers] [count] [bytes/s]`, a JSON line for each.
 *
 * Expected, on two cores with nothing else running: Node's own ceilings are 330,000 datagrams/s of
 * 1 KB and 2.6 GB/s of TCP, LMDB flushes 77,000 writes/s of 4 KB at 100 waiting; encoding and
 * decoding cost 3 µs and 2 µs. So the store and the agent decide: some 30 µs a bundle and side would
 * be 33,000/s, five times ION's 6280 to 6670/s over tcp. Not reached yet.
 */

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Job, Layer, Told } from './bundles-node.ts'

/** As `bin/lightlag.js` starts Node: what is in flight is not copied by every small collection. */
const FLAGS = ['--max-semi-space-size=64']
const NODE = fileURLToPath(new URL('bundles-node.js', import.meta.url))

export interface Result {
  readonly layer: string
  readonly store: string
  readonly bytes: number
  readonly bundles: number
  readonly lost: number
  readonly bundlesPerSec: number
  readonly mbitPerSec: number
  readonly cpuSec: { readonly sender: number; readonly receiver: number }
  readonly rssMiB: { readonly sender: number; readonly receiver: number }
}

async function measure(job: Omit<Job, 'role' | 'directory' | 'to'>): Promise<Result> {
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
    return {
      layer: job.layer,
      store: job.store,
      bytes: job.bytes,
      bundles: job.count,
      lost: job.count - received.count,
      bundlesPerSec: Math.round(received.count / sec),
      mbitPerSec: Math.round((received.count * job.bytes * 8) / sec / 1e6),
      cpuSec: { sender: sending.cpuSec, receiver: received.cpuSec },
      rssMiB: { sender: sending.rssMiB, receiver: received.rssMiB },
    }
  } finally {
    for (const child of children) {
      child.kill('SIGKILL')
    }
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

const layers = (process.argv[2] ?? 'udp,tcp,stcp').split(',') as Layer[]
const count = Number(process.argv[3] ?? 100_000)
for (const layer of layers) {
  for (const bytes of [1000, 10_000]) {
    for (const store of ['memory', 'durable'] as const) {
      const rateBytesPerSec = process.argv[4] === undefined ? undefined : Number(process.argv[4])
      const result = await measure({ layer, bytes, store, count, rateBytesPerSec })
      console.log(JSON.stringify(result))
    }
  }
}
