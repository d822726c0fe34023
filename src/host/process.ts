import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import type { Fault } from '../base/fault.ts'
import {
  type Process,
  type ProcessEnd,
  type Processes,
  type ProcessOptions,
  processFault,
} from '../ports/process.ts'
import { errnoOf } from './errno.ts'

export const hostProcesses: Processes = {
  start: (options) =>
    new Promise((resolve, reject) => {
      const [program = '', ...args] = options.argv
      const fail = (why: string): void => reject(processFault(`cannot start ${program}: ${why}`))
      const rights = rightsOf(options.user)
      if ('fault' in rights) {
        fail(rights.fault.message)
        return
      }
      let child: ChildProcessWithoutNullStreams
      try {
        child = spawn(program, args, {
          env: options.environment,
          cwd: '/',
          stdio: 'pipe',
          // At the head of a group of its own, which ends as a whole.
          detached: true,
          ...rights,
        })
      } catch (error) {
        fail((error as Error).message)
        return
      }
      child.on('error', (error) => fail(errnoOf(error) ?? error.message))
      child.once('spawn', () => resolve(new HostProcess(child, options)))
    }),
}

/** For the last of the output, once a program is over. */
const OUTPUT_WAIT_MS = 1000

class HostProcess implements Process {
  readonly ended: Promise<ProcessEnd>
  readonly #child: ChildProcessWithoutNullStreams
  #isOver = false

  constructor(child: ChildProcessWithoutNullStreams, { outputBytesMax }: ProcessOptions) {
    this.#child = child
    const output: Uint8Array[] = []
    let room = outputBytesMax
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        if (room <= 0) return
        output.push(chunk.subarray(0, room))
        room -= chunk.length
      })
    }
    // What does not read to the end has had enough of it.
    child.stdin.on('error', () => {})
    this.ended = new Promise((resolve) => {
      child.once('exit', (status, signal) => {
        this.#isOver = true
        // What it has left behind to work on may keep its output open for ever.
        const timer = setTimeout(() => {
          for (const stream of [child.stdout, child.stderr]) stream.destroy()
        }, OUTPUT_WAIT_MS)
        child.once('close', () => {
          clearTimeout(timer)
          const whole = Uint8Array.from(Buffer.concat(output))
          resolve({ by: status ?? signal ?? 'SIGKILL', output: whole })
        })
      })
    })
  }

  write(bytes: Uint8Array): Promise<void> {
    const { stdin } = this.#child
    if (this.#isOver || !stdin.writable || stdin.write(bytes)) return Promise.resolve()
    return new Promise((resolve) => {
      const go = (): void => {
        stdin.off('drain', go)
        stdin.off('close', go)
        resolve()
      }
      stdin.on('drain', go)
      stdin.on('close', go)
    })
  }

  end(): void {
    this.#child.stdin.end()
  }

  kill(): void {
    const { pid } = this.#child
    if (pid === undefined) return
    try {
      process.kill(-pid, 'SIGKILL')
    } catch {
      // Nobody is left in its group.
    }
  }
}

type Rights = { readonly uid?: number; readonly gid?: number } | { readonly fault: Fault }

function rightsOf(user: string | undefined): Rights {
  const self = userInfo()
  if (user === undefined || user === self.username) {
    if (self.uid !== 0) return {}
    const message =
      'it would have all rights, as this host does: pipe.user with another would be right'
    return { fault: processFault(message) }
  }
  if (self.uid !== 0) {
    const message = `${self.username} cannot start programs as ${user}: without pipe.user would be right`
    return { fault: processFault(message) }
  }
  const line = passwords()
    .split('\n')
    .find((text) => text.startsWith(`${user}:`))
  const [, , uid, gid] = line?.split(':').map(Number) ?? []
  if (uid === undefined || gid === undefined) {
    return { fault: processFault(`there is no user ${user}`) }
  }
  if (uid === 0) return { fault: processFault(`${user} has all rights`) }
  return { uid, gid }
}

function passwords(): string {
  try {
    return readFileSync('/etc/passwd', 'utf8')
  } catch {
    return ''
  }
}
