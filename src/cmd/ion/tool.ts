import { readFileSync } from 'node:fs'
import { Fault } from '../../base/fault.ts'
import { IpnRecords } from '../../bridge/ipn-records.ts'
import type { ConfigFaultCode } from '../../config/fault.ts'
import { parseIpnRecords } from '../../config/map-file.ts'
import { runTool as run } from '../../dtn/tools/run.ts'
import type { NameSources, ToolPorts } from '../../dtn/tools/tool.ts'
import { TOOLS } from '../../dtn/tools/tools.ts'
import { plainBytes } from '../../host/bytes.ts'
import { hostClock } from '../../host/clock.ts'
import { hostDisk } from '../../host/disk.ts'
import { hostDns } from '../../host/dns.ts'
import { hostEntropy } from '../../host/entropy.ts'
import { hostPacking } from '../../host/packing.ts'
import { Failure, reasonOf } from '../failure.ts'
import { signalled } from '../signal.ts'
import { attach } from './attach.ts'

/** Runs one of ION's tools against a running node, until it ends or Ctrl-C ends it. */
export async function runTool(
  name: string,
  args: readonly string[],
  node: string | undefined,
): Promise<void> {
  try {
    process.exitCode = await run(name, args, {
      attach: (own) => attach(node, own),
      clock: hostClock,
      entropy: hostEntropy,
      disk: hostDisk,
      packing: hostPacking,
      names: namesOf,
      directory: process.cwd(),
      processId: process.pid,
      output: (bytes) => void process.stdout.write(bytes),
      flushed: () =>
        new Promise((resolve) => void process.stdout.write('', () => resolve(undefined))),
      errors: (bytes) => void process.stderr.write(bytes),
      input: standardInput(),
      interrupted: signalled(),
    })
  } catch (error) {
    // No node runs: it may be started.
    const status = TOOLS[name]?.temporaryStatus
    if (error instanceof Failure) {
      throw new Failure(status ?? error.status, `${name}: ${error.message}`)
    }
    throw error
  } finally {
    process.stdin.destroy()
  }
}

function namesOf({ servers, ipnFile }: NameSources): IpnRecords {
  const names = new IpnRecords(hostDns({ clock: hostClock, ...(servers && { servers }) }))
  if (ipnFile !== undefined) {
    const parsed = parseIpnRecords(textOf(ipnFile), ipnFile)
    if (!parsed.ok) throw later(parsed.fault)
    names.replace(parsed.value)
  }
  return names
}

/** A mail does not go because a file is wrong. */
function later({ code, message }: Fault): Fault {
  return new Fault(code, message, { temporary: true })
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const message = `cannot read ${file}: ${reasonOf(error)}`
    throw new Fault<ConfigFaultCode>('config/unreadable', message, { temporary: true })
  }
}

function standardInput(): ToolPorts['input'] {
  let chunks: AsyncIterator<Buffer> | undefined
  return async () => {
    chunks ??= process.stdin[Symbol.asyncIterator]() as AsyncIterator<Buffer>
    const chunk = await chunks.next()
    return chunk.done ? undefined : plainBytes(chunk.value)
  }
}
