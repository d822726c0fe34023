/** Where the labs of this user that run are known: a folder of control sockets, named after them. */

import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { asFault } from '../base/fault.ts'
import { connectNode, type NodeClient } from '../dtn/control/node-client.ts'
import { hostClock } from '../host/clock.ts'
import { hostNetwork } from '../host/network.ts'
import { EXIT, Failure, reasonOf } from './failure.ts'
import { makeRegistry, registryFolder } from './ion/registry.ts'

const SUFFIX = '.sock'

function labsFolder(): string {
  return join(registryFolder(), 'labs')
}

/** Makes the folder, for this user only. A Failure where it cannot be. */
export function makeLabsFolder(): void {
  try {
    makeRegistry()
    if (!existsSync(labsFolder())) mkdirSync(labsFolder(), { mode: 0o700 })
  } catch (error) {
    if (error instanceof Failure) throw error
    throw new Failure(EXIT.failed, `cannot make ${labsFolder()}: ${reasonOf(error)}`)
  }
}

export function labSocket(name: string): string {
  return join(labsFolder(), `${name}${SUFFIX}`)
}

/** What a lab in the background writes. */
export function labLog(name: string): string {
  return join(labsFolder(), `${name}.log`)
}

/** Undefined where none of this name runs. */
export async function connectLab(name: string): Promise<NodeClient | undefined> {
  try {
    const socket = { host: labSocket(name), port: 0 }
    return await connectNode(socket, { network: hostNetwork, clock: hostClock })
  } catch (error) {
    const { code, message } = asFault(error)
    // What a killed lab has left refuses.
    if (code === 'network/refused' || code === 'network/unreachable') return undefined
    throw new Failure(EXIT.failed, `lab ${name}: ${message}`)
  }
}

/** A session with each lab that runs, by name, for the caller to close; and why others do not answer. */
export async function runningLabs(): Promise<{
  readonly running: ReadonlyMap<string, NodeClient>
  readonly silent: readonly Failure[]
}> {
  const running = new Map<string, NodeClient>()
  const silent: Failure[] = []
  const connect = async (name: string): Promise<void> => {
    try {
      const client = await connectLab(name)
      if (client !== undefined) running.set(name, client)
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      silent.push(error)
    }
  }
  await Promise.all(knownNames().map(connect))
  return { running, silent }
}

/** With the lab of this name, or the only one that runs; a Failure where there is none. */
export async function requireLab(wanted: string | undefined): Promise<NodeClient> {
  if (wanted !== undefined) {
    const client = isName(wanted) ? await connectLab(wanted) : undefined
    if (client !== undefined) return client
  }
  const { running, silent } = await runningLabs()
  const names = [...running.keys()].sort()
  const [only] = running.values()
  if (wanted === undefined && running.size === 1 && only !== undefined) return only
  for (const client of running.values()) client.close()
  if (running.size === 0 && silent[0] !== undefined) throw silent[0]
  if (running.size === 0) {
    const what = wanted === undefined ? 'no lab runs' : `no lab ${wanted} runs`
    throw new Failure(EXIT.failed, `${what}: "lightlag lab up -d SCENARIO" starts one`)
  }
  if (wanted === undefined) {
    const message = `labs ${names.join(', ')} run: "--lab ${names[0]}" would choose one`
    throw new Failure(EXIT.usage, message)
  }
  const message = `no lab ${wanted} runs: one of ${names.join(', ')} would be right`
  throw new Failure(EXIT.failed, message)
}

/** As the name of a scenario. */
export function isName(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/.test(text)
}

function knownNames(): readonly string[] {
  try {
    return readdirSync(labsFolder())
      .filter((file) => file.endsWith(SUFFIX))
      .map((file) => file.slice(0, -SUFFIX.length))
      .sort()
  } catch {
    return []
  }
}
