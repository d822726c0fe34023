import { fromUtf8 } from '../../base/bytes.ts'
import { asFault } from '../../base/fault.ts'
import type { NodeClient } from '../control/node-client.ts'
import type { ToolPorts } from './tool.ts'
import { TOOLS } from './tools.ts'

export interface ToolSurroundings extends Omit<ToolPorts, 'client'> {
  /** Finds the node to be used; `own` is the number of one of which an endpoint was named. */
  readonly attach: (own: bigint | undefined) => Promise<NodeClient>
}

/** Statuses with which a command ends that did not run as far as its own. */
const FAILED = 1
const NOT_UNDERSTOOD = 2
/** As a shell's. */
const NOT_FOUND = 127

/**
 * Runs one of ION's tools and resolves with its exit status. What a node says against it, and how it
 * is used where its arguments are not understood, goes to its streams; whatever `attach` rejects with
 * and is no Fault, is for the caller.
 */
export async function runTool(
  name: string,
  args: readonly string[],
  { attach, ...ports }: ToolSurroundings,
): Promise<number> {
  const tool = Object.hasOwn(TOOLS, name) ? TOOLS[name] : undefined
  if (tool === undefined) {
    ports.errors(fromUtf8(`${name}: command not found\n`))
    return NOT_FOUND
  }
  const run = tool.parse(args)
  if (run === undefined) {
    const print = tool.usageOn === 'errors' ? ports.errors : ports.output
    print(fromUtf8(tool.usage))
    return tool.usageStatus ?? NOT_UNDERSTOOD
  }
  try {
    const { own } = run
    const client = await attach(own?.scheme === 'ipn' ? own.node : undefined)
    try {
      return await run.run({ ...ports, client })
    } finally {
      client.close()
    }
  } catch (error) {
    const { message, temporary } = asFault(error)
    ports.errors(fromUtf8(`${name}: ${message}\n`))
    return temporary ? (tool.temporaryStatus ?? FAILED) : FAILED
  }
}
