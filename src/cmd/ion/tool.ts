import { runTool as run } from '../../dtn/tools/run.ts'
import type { ToolPorts } from '../../dtn/tools/tool.ts'
import { TOOLS } from '../../dtn/tools/tools.ts'
import { plainBytes } from '../../host/bytes.ts'
import { hostClock } from '../../host/clock.ts'
import { hostDisk } from '../../host/disk.ts'
import { hostDns } from '../../host/dns.ts'
import { hostEntropy } from '../../host/entropy.ts'
import { hostPacking } from '../../host/packing.ts'
import { Failure } from '../failure.ts'
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
      names: (servers) => hostDns({ clock: hostClock, ...(servers !== undefined && { servers }) }),
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
    const status = TOOLS[name]?.tool.temporaryStatus
    if (error instanceof Failure) {
      throw new Failure(status ?? error.status, `${name}: ${error.message}`)
    }
    throw error
  } finally {
    process.stdin.destroy()
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
