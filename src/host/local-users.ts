/** Who runs a program on this machine, by the owner of a directory that it made. */

import { execFile } from 'node:child_process'
import { lstat, realpath } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { Fault } from '../base/fault.ts'
import { type LocalUsers, ownerDirectory } from '../ports/local-users.ts'
import { errnoOf } from './errno.ts'

/** Had anybody else the right to write in it, they could have moved it here. */
const MODE = 0o700

/** What `useradd` takes; a number `id` would take for a user's own. */
const USER = /^[A-Za-z_][A-Za-z0-9._@-]{0,63}\$?$/
const TIMEOUT_MS = 10_000

export const hostLocalUsers: LocalUsers = {
  superusers: ['root', ...ownName()],
  isOwner: async (session, socket, user) => {
    if (!USER.test(user)) return false
    const owner = await ownerOf(ownerDirectory(session, await realpath(socket)))
    return owner !== undefined && owner === (await numberOf(user))
  },
}

/** None where the system has a number and no name. */
function ownName(): readonly string[] {
  try {
    return [userInfo().username]
  } catch {
    return []
  }
}

/** Undefined where there is no such directory, or it may be another's. */
async function ownerOf(directory: string): Promise<number | undefined> {
  try {
    const status = await lstat(directory)
    return status.isDirectory() && (status.mode & 0o777) === MODE ? status.uid : undefined
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw unknown(error)
  }
}

/** By the system's own means, whatever list of users that has; undefined where there is none of that name. */
function numberOf(user: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    execFile('id', ['-u', '--', user], { timeout: TIMEOUT_MS }, (error, output) => {
      const number = /^\d+$/.exec(output.trim())?.[0]
      if (number !== undefined) resolve(Number(number))
      else if (typeof error?.code === 'number') resolve(undefined)
      else reject(unknown(error))
    })
  })
}

function unknown(error: unknown): Fault {
  const reason = error instanceof Error ? error.message : 'no answer'
  return new Fault('local-users/unknown', `cannot tell who it is: ${reason}`, { temporary: true })
}
