/**
 * Which nodes run on this machine: a folder of each user with a link to the control socket of each node
 * of theirs, named after its number; and one of the machine, where there is one, for all users.
 */

import {
  accessSync,
  constants,
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

/** Made by whoever runs the machine: what is in it everybody believes. */
function sharedFolder(): string {
  return process.env['LIGHTLAG_RUN'] ?? '/run/lightlag'
}

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
  if (Buffer.byteLength(publicSocketOf(path, 'submit')) <= SOCKET_PATH_BYTES_MAX) return path
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

/**
 * Where a node is known to all users of the machine, in the form of its control socket's path; that
 * itself where there is no folder for it, or it is not for us to write in. `publicSocketOf` it are the
 * sockets for them.
 */
export async function sharedPlaceOf(node: bigint, control: string): Promise<string> {
  const place = join(sharedFolder(), `${nameOf(node)}${SUFFIX}`)
  try {
    requireShared(sharedFolder())
    accessSync(sharedFolder(), constants.W_OK)
  } catch {
    return control
  }
  const other = targetOf(place)
  const isTaken = other !== undefined && other !== control && (await isAnswered(other))
  return isTaken ? control : place
}

/** Links both places of a node's sockets, so that each leads to all of them; the result takes them away. */
export function joinPlaces(control: string, shared: string): () => void {
  if (shared === control) return () => {}
  const links: readonly (readonly [link: string, target: string])[] = [
    [shared, control],
    ...(['submit', 'queue'] as const).map(
      (what) => [publicSocketOf(control, what), publicSocketOf(shared, what)] as const,
    ),
  ]
  for (const [link, target] of links) {
    removeLink(link)
    symlinkSync(target, link)
  }
  return () => {
    for (const [link, target] of links) if (targetOf(link) === target) removeLink(link)
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
export function makeRegistry(): void {
  // Not recursively: Node 20 looks for parents for ever where none can be made, as in /proc.
  for (const folder of [dirname(registryFolder()), registryFolder()]) {
    if (!existsSync(folder)) mkdirSync(folder, { mode: 0o700 })
  }
  requireOwn(registryFolder())
}

/** Where the same host takes mail of any user, or tells them its queue. */
export function publicSocketOf(control: string, what: 'submit' | 'queue'): string {
  return `${control.replace(/\.(?:sock|submit|queue)$/, '')}.${what}`
}

/** The socket of the node that was meant; a Failure says what is wrong where none can be. */
export function findNode(wanted: string | undefined, own: bigint | undefined): string {
  if (wanted !== undefined && !/^\d+(\.\d+)?$/.test(wanted)) return wanted
  if (wanted !== undefined) return requireNode(wanted)
  if (own !== undefined) return requireNode(nameOf(own))
  const all = runningNodes()
  const ours = all.filter(({ isOwn }) => isOwn)
  const running = ours.length > 0 ? ours : all
  const here = running.filter(({ socket }) => isWithin(process.cwd(), dirname(socket)))
  const [only, ...others] = here.length === 1 ? here : running
  if (only === undefined) throw missing('no node runs here')
  if (others.length > 0) {
    const names = running.map(({ name }) => name).join(', ')
    throw missing(`nodes ${names} run here: "--node ${only.name}" would choose one`)
  }
  return only.socket
}

interface RunningNode {
  readonly name: string
  readonly socket: string
  /** A node of this user. */
  readonly isOwn: boolean
}

/** Those of this user, and those of others of the machine that have another number. */
function runningNodes(): readonly RunningNode[] {
  const others = nodesIn(sharedFolder(), false)
  try {
    const own = nodesIn(registryFolder(), true)
    return [...own, ...others.filter(({ name }) => own.every((node) => node.name !== name))]
  } catch (error) {
    // Another user who has made the folder first must not keep us from those that all may use.
    if (others.length > 0) return others
    throw error
  }
}

function nodesIn(folder: string, isOwn: boolean): readonly RunningNode[] {
  let names: readonly string[]
  try {
    if (isOwn) requireOwn(folder)
    else requireShared(folder)
    names = readdirSync(folder)
  } catch (error) {
    if (error instanceof Failure) throw error
    return []
  }
  return [...names].sort().flatMap((file) => {
    if (!file.endsWith(SUFFIX)) return []
    const path = join(folder, file)
    // What the others' link leads to is not for us; the sockets beside the link are.
    const socket = isOwn ? (targetOf(path) ?? path) : path
    return [{ name: file.slice(0, -SUFFIX.length), socket, isOwn }]
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
    `Can't attach to BP: ${what} (looked in ${registryFolder()} and ${sharedFolder()}; --node SOCKET names another)`,
  )
}

/** Anybody may make a folder in /tmp, and what is in it would be theirs to say. */
function requireOwn(folder: string): void {
  const status = lstatSync(folder)
  if (status.isDirectory() && (status.uid === userInfo().uid || userInfo().uid < 0)) return
  throw new Failure(EXIT.failed, `${folder} is not a folder of this user`)
}

/** Whoever could write in it could have mail handed to themselves. */
function requireShared(folder: string): void {
  const status = lstatSync(folder)
  if (status.isDirectory() && (status.mode & OTHERS_WRITE) === 0) return
  throw new Failure(EXIT.failed, `${folder} is not a folder that only its owner writes in`)
}

const OTHERS_WRITE = 0o022

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
