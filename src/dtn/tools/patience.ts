import { asFault } from '../../base/fault.ts'
import type { SendAdu } from '../control/message.ts'
import { REFUSED_RETRY_MS } from './limits.ts'
import { pause, type ToolPorts } from './tool.ts'

/**
 * Sends once there is room: ION's tools wait for a full store. Resolves with the bundle's ID, or
 * undefined where the wait was interrupted. Rejects with a Fault that no wait would help against.
 */
export async function sendPatiently(
  adu: SendAdu,
  { client, clock, interrupted }: Pick<ToolPorts, 'client' | 'clock' | 'interrupted'>,
): Promise<string | undefined> {
  let isInterrupted = false
  for (;;) {
    try {
      return await client.send(adu)
    } catch (error) {
      const fault = asFault(error)
      if (!fault.temporary || fault.code === 'control/ended') throw fault
    }
    const interruption = interrupted.then(() => {
      isInterrupted = true
    })
    await Promise.race([pause(clock, REFUSED_RETRY_MS), interruption])
    if (isInterrupted) return undefined
  }
}
