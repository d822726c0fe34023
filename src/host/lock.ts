/** One owner per directory. */

import { createHash } from 'node:crypto'
import { statSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * Claims a directory for this process; resolves with the release, or with undefined where another
 * holds it.
 *
 * The claim is the name of a local socket that follows from the directory's place on its disk. Only
 * one process can listen on a name, and the system frees it when the process ends, however it ends:
 * no lock file can go stale, and no process number is ever taken for another's. On Linux the name is
 * in the abstract namespace of sockets, so that nothing is left on the disk; it is per network
 * namespace, so two containers that share a directory do not see each other's claims.
 */
export function claimDirectory(directory: string): Promise<(() => void) | undefined> {
  const { dev, ino } = statSync(directory, { bigint: true })
  const name = `lightlag-${createHash('sha256').update(`${dev}:${ino}`).digest('hex').slice(0, 32)}`
  const server = createServer((stranger) => stranger.destroy())
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined)
      else reject(error)
    })
    server.listen({ path: socketPath(name), exclusive: true }, () => {
      server.unref()
      resolve(() => void server.close())
    })
  })
}

function socketPath(name: string): string {
  if (process.platform === 'linux') return `\0${name}`
  return process.platform === 'win32' ? `\\\\.\\pipe\\${name}` : join(tmpdir(), `${name}.sock`)
}
