/** Asks a running host what waits: at its control socket or, as another user, where it tells everybody. */

import { accessSync, constants } from 'node:fs'
import { createConnection } from 'node:net'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { END_OF_QUEUE, type QueueEntry } from '../bridge/mail-requests.ts'
import { connectHost } from './control.ts'
import { EXIT, Failure, reasonOf } from './failure.ts'
import { findNode, publicSocketOf } from './ion/registry.ts'

/** All that waits, in the order in which it came; a Failure where nobody tells. */
export async function listQueue(wanted: string | undefined): Promise<readonly QueueEntry[]> {
  let control: string
  try {
    control = resolve(findNode(wanted, undefined))
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    throw absent(error.message.replace("Can't attach to BP: ", ''))
  }
  if (!isAnothers(control)) {
    const host = await connectHost(control).catch((error: Error) => {
      throw absent(error.message.replace("Can't attach to BP: ", ''))
    })
    try {
      return await host.queue()
    } finally {
      host.close()
    }
  }
  return readList(publicSocketOf(control, 'queue'))
}

function isAnothers(control: string): boolean {
  try {
    accessSync(control, constants.W_OK)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EACCES'
  }
}

async function readList(socket: string): Promise<readonly QueueEntry[]> {
  const connection = createConnection({ path: socket })
  const entries: QueueEntry[] = []
  try {
    for await (const line of createInterface({ input: connection })) {
      const said: QueueEntry | string = JSON.parse(line)
      if (said === END_OF_QUEUE) return entries
      if (typeof said === 'string') throw new Failure(EXIT.failed, said)
      entries.push(said)
    }
  } catch (error) {
    if (error instanceof Failure) throw error
    throw absent(`${reasonOf(error)}: ${socket}`)
  } finally {
    connection.destroy()
  }
  throw absent('the host has stopped in the middle of its list')
}

function absent(why: string): Failure {
  return new Failure(EXIT.failed, `no mail host to ask: ${why}`)
}
