/** Finds the running host that takes mail of any user of the machine. */

import { mkdirSync, realpathSync, rmdirSync } from 'node:fs'
import { userInfo } from 'node:os'
import { resolve } from 'node:path'
import { asFault, type Fault } from '../base/fault.ts'
import { PickupSession } from '../bridge/tools/pickup-session.ts'
import { EX } from '../bridge/tools/sysexits.ts'
import { hostClock } from '../host/clock.ts'
import { hostNetwork } from '../host/network.ts'
import type { OwnerDirectories } from '../ports/local-users.ts'
import type { ByteStream } from '../ports/network.ts'
import { Failure } from './failure.ts'
import { findNode, publicSocketOf } from './ion/registry.ts'

const CONNECT_TIMEOUT_MS = 30_000

/** At the socket for any user; a Failure where no host takes mail. */
export async function openPickup(wanted: string | undefined): Promise<PickupSession> {
  const socket = socketOf(wanted)
  const ports = { clock: hostClock, owners: OWNERS, socket, user: systemUser() }
  return PickupSession.open(await connect(socket), ports)
}

const OWNERS: OwnerDirectories = {
  make: (directory) => {
    try {
      mkdirSync(directory, { mode: 0o700 })
      return true
    } catch {
      return false
    }
  },
  remove: (directory) => rmdirSync(directory),
}

/** Undefined where the system has a number and no name. */
export function systemUser(): string | undefined {
  try {
    return userInfo().username
  } catch {
    return undefined
  }
}

function socketOf(wanted: string | undefined): string {
  try {
    return realpathSync(publicSocketOf(resolve(findNode(wanted, undefined)), 'submit'))
  } catch (error) {
    if (error instanceof Failure) throw absent(error.message.replace("Can't attach to BP: ", ''))
    const path = (error as NodeJS.ErrnoException).path ?? wanted
    throw absent(`no host takes mail at ${path}`)
  }
}

async function connect(socket: string): Promise<ByteStream> {
  try {
    return await hostNetwork.connect({ host: socket, port: 0 }, CONNECT_TIMEOUT_MS)
  } catch (error) {
    throw absent(reasonFor(asFault(error), socket))
  }
}

function reasonFor({ code, message }: Fault, socket: string): string {
  switch (code) {
    case 'network/refused':
      return `no host takes mail at ${socket}`
    case 'network/permission-denied':
      return `permission denied for ${socket}`
    default:
      return message
  }
}

function absent(why: string): Failure {
  return new Failure(EX.tempFail, `no mail host to ask: ${why}`)
}
