import { asFault } from '../../base/fault.ts'
import { formatNodeStatus } from '../../dtn/control/format-status.ts'
import { formatPrometheus } from '../../dtn/node-metrics.ts'
import { EXIT, Failure } from '../failure.ts'
import { attach } from './attach.ts'

export interface NodeStatusArguments {
  readonly node: string | undefined
  readonly json: boolean | undefined
  readonly prometheus: boolean | undefined
}

/** Prints what a running node tells of itself. */
export async function nodeStatus({ node, json, prometheus }: NodeStatusArguments): Promise<void> {
  const client = await attach(node, undefined)
  try {
    const status = await client.status()
    const text = prometheus
      ? formatPrometheus(status)
      : json
        ? `${JSON.stringify(status, undefined, 2)}\n`
        : formatNodeStatus(status)
    process.stdout.write(text)
  } catch (error) {
    throw new Failure(EXIT.failed, `lightlag node status: ${asFault(error).message}`)
  } finally {
    client.close()
  }
}
