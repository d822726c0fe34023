/** What a program with all its processes has used, as Linux tells it. */

import { readdirSync, readFileSync } from 'node:fs'

export interface ProcessCost {
  /** Also of processes that have ended and been waited for. */
  readonly cpuSec: number
  /** Memory, what processes share counted once. */
  readonly memoryMiB: number
}

/** Of a process and all its descendants. */
export function costOf(pid: number): ProcessCost {
  let cpuSec = 0
  let memoryKiB = 0
  for (const one of withDescendants(pid)) {
    cpuSec += cpuSecOf(one)
    memoryKiB += Number(/^Pss: +(\d+)/m.exec(textOf(`/proc/${one}/smaps_rollup`))?.[1] ?? 0)
  }
  return { cpuSec, memoryMiB: Math.round(memoryKiB / 1024) }
}

function withDescendants(root: number): readonly number[] {
  const childrenOf = new Map<number, number[]>()
  for (const name of readdirSync('/proc')) {
    const parent = Number(statOf(name)[1])
    if (Number.isNaN(parent)) continue
    childrenOf.set(parent, [...(childrenOf.get(parent) ?? []), Number(name)])
  }
  const found = [root]
  for (const pid of found) found.push(...(childrenOf.get(pid) ?? []))
  return found
}

function cpuSecOf(pid: number): number {
  const stat = statOf(String(pid))
  // User and system, its own and of children that are gone.
  return stat.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS_PER_SEC
}

/** The fields behind the name, which may contain anything: the state, the parent, … */
function statOf(name: string): readonly string[] {
  if (!/^\d+$/.test(name)) return []
  const text = textOf(`/proc/${name}/stat`)
  return text.slice(text.lastIndexOf(')') + 2).split(' ')
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // It has ended.
    return ''
  }
}

/** USER_HZ, the same on every Linux that Node runs on. */
const TICKS_PER_SEC = 100
