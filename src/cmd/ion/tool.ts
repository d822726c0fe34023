import { asFault } from '../../base/fault.ts'
import type { ToolPorts } from '../../dtn/tools/tool.ts'
import { TOOLS } from '../../dtn/tools/tools.ts'
import { plainBytes } from '../../host/bytes.ts'
import { hostClock } from '../../host/clock.ts'
import { hostDisk } from '../../host/disk.ts'
import { hostEntropy } from '../../host/entropy.ts'
import { EXIT, Failure } from '../failure.ts'
import { signalled } from '../signal.ts'
import { attach } from './attach.ts'

/** Runs one of ION's tools against a running node, until it ends or Ctrl-C ends it. */
export async function runTool(
  name: string,
  args: readonly string[],
  node: string | undefined,
): Promise<void> {
  const { tool } = TOOLS[name] as (typeof TOOLS)[string]
  const run = tool.parse(args)
  if (run === undefined) {
    const stream = tool.usageOn === 'errors' ? process.stderr : process.stdout
    stream.write(tool.usage)
    process.exitCode = EXIT.usage
    return
  }
  const { own } = run
  const interrupted = signalled()
  try {
    const client = await attach(node, own?.scheme === 'ipn' ? own.node : undefined)
    try {
      process.exitCode = await run.run({
        client,
        clock: hostClock,
        entropy: hostEntropy,
        disk: hostDisk,
        directory: process.cwd(),
        processId: process.pid,
        output: (bytes) => void process.stdout.write(bytes),
        errors: (bytes) => void process.stderr.write(bytes),
        input: standardInput(),
        interrupted,
      } satisfies ToolPorts)
    } finally {
      client.close()
      process.stdin.destroy()
    }
  } catch (error) {
    const reason = error instanceof Failure ? error.message : asFault(error).message
    throw new Failure(EXIT.failed, `${name}: ${reason}`)
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
