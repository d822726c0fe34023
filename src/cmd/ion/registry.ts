/**
 * Which nodes of this user run on this machine: a folder with a link to the control socket of each,
 * named after its number.
 */

import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs'
import { createConnection } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { formatEndpointId, ipnEndpoint } from '../../proto/bpv7/endpoint-id.ts'
import { EXIT, Failure, reasonOf } from '../failure.ts'

const SUFFIX = '.sock'

/** On every system that has sockets with paths. */
const SOCKET_PATH_BYTES_MAX = 103

export function registryFolder(): string {
  const { XDG_RUNTIME_DIR: runtime } = process.env
  return runtime ? join(runtime, 'lightlag') : join(tmpdir(), `lightlag-${userInfo().uid}`)
}

/**
 * Where the control socket of the node that lives in `directory` goes: there, or, where that is too
 * deep for the path of a socket, into the folder of nodes.
 */
export function controlSocketOf(node: bigint, directory: string): string {
  const path = join(directory, 'control.sock')
  if (Buffer.byteLength(path) <= SOCKET_PATH_BYTES_MAX) return path
  makeRegistry()
  return linkOf(node)
}

/**
 * Makes a node known; the result makes it unknown again. Where that cannot be, its socket has to be
 * named to the tools, which is said on standard error. A Failure where another node of this number runs.
 */
export async function announceNode(node: bigint, socket: string): Promise<() => void> {
  const folder = registryFolder()
  const link = linkOf(node)
  if (socket === link) return () => {}
  const other = targetOf(link) ?? link
  if (other !== socket && (await isAnswered(other))) {
    const message = `a node ${nameOf(node)} of this user runs already: ${other}`
    throw new Failure(EXIT.failed, `${message}; a number of its own for each would be right`)
  }
  try {
    makeRegistry()
    removeLink(link)
    symlinkSync(socket, link)
  } catch (error) {
    process.stderr.write(`node ${nameOf(node)} is not known in ${folder}: ${reasonOf(error)}\n`)
    return () => {}
  }
  return () => {
    if (targetOf(link) === socket) removeLink(link)
  }
}

/** Whether a process listens there: one that was killed leaves its socket behind. */
function isAnswered(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = createConnection({ path: socket })
    connection.once('connect', () => {
      connection.destroy()
      resolve(true)
    })
    connection.once('error', () => resolve(false))
  })
}

/** A Failure where the folder is not ours. */
function makeRegistry(): void {
  // Not recursively: Node 20 looks for parents for ever where none can be made, as in /proc.
  for (const folder of [dirname(registryFolder()), registryFolder()]) {
    if (!existsSync(folder)) mkdirSync(folder, { mode: 0o700 })
  }
  requireOwn(registryFolder())
}

/** The socket of the node that was meant; a Failure says what is wrong where none can be. */
export function findNode(wanted: string | undefined, own: bigint | undefined): string {
  if (wanted !== undefined && !/^\d+(\.\d+)?$/.test(wanted)) return wanted
  if (wanted !== undefined) return requireNode(wanted)
  if (own !== undefined) return requireNode(nameOf(own))
  const running = runningNodes()
  const here = running.filter(({ socket }) => isWithin(process.cwd(), dirname(socket)))
  const [only, ...others] = here.length === 1 ? here : running
  if (only === undefined) throw missing('no node runs here')
  if (others.length > 0) {
    const names = running.map(({ name }) => name).join(', ')
    throw missing(`nodes ${names} run here: "--node ${only.name}" would choose one`)
  }
  return only.socket
}

function runningNodes(): readonly { readonly name: string; readonly socket: string }[] {
  const folder = registryFolder()
  let names: readonly string[]
  try {
    requireOwn(folder)
    names = readdirSync(folder)
  } catch (error) {
    if (error instanceof Failure) throw error
    return []
  }
  return [...names].sort().flatMap((file) => {
    if (!file.endsWith(SUFFIX)) return []
    const path = join(folder, file)
    return [{ name: file.slice(0, -SUFFIX.length), socket: targetOf(path) ?? path }]
  })
}

function requireNode(name: string): string {
  const found = runningNodes().find((node) => node.name === name)
  if (found === undefined) throw missing(`no node ${name} runs here`)
  return found.socket
}

/** ION's words first, for whoever looks for them. */
function missing(what: string): Failure {
  return new Failure(
    EXIT.failed,
    `Can't attach to BP: ${what} (looked in ${registryFolder()}; --node SOCKET names another)`,
  )
}

/** Anybody may make a folder in /tmp, and what is in it would be theirs to say. */
function requireOwn(folder: string): void {
  const status = lstatSync(folder)
  if (status.isDirectory() && (status.uid === userInfo().uid || userInfo().uid < 0)) return
  throw new Failure(EXIT.failed, `${folder} is not a folder of this user`)
}

function linkOf(node: bigint): string {
  return join(registryFolder(), `${nameOf(node)}${SUFFIX}`)
}

/** `3` of ipn:3.0, `977000.3` of ipn:977000.3.0. */
function nameOf(node: bigint): string {
  return formatEndpointId(ipnEndpoint(node, 0n)).slice('ipn:'.length, -'.0'.length)
}

function targetOf(link: string): string | undefined {
  try {
    return readlinkSync(link)
  } catch {
    return undefined
  }
}

function removeLink(link: string): void {
  if (targetOf(link) !== undefined) unlinkSync(link)
}

function isWithin(path: string, folder: string): boolean {
  const way = relative(folder, path)
  return way === '' || !way.startsWith('..')
}
