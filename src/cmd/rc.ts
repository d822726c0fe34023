import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, isAbsolute, join, normalize } from 'node:path'
import { explainIon } from '../config/ion/explain.ts'
import { ionReference } from '../config/ion/help.ts'
import { faultOf, type IonReading, readIon } from '../config/ion/ion.ts'
import { ionPeerOf } from '../config/ion/peer.ts'
import type { ReadFile } from '../config/ion/read.ts'
import { writeIon } from '../config/ion/write.ts'
import { hostClock } from '../host/clock.ts'
import { EXIT, Failure, reasonOf } from './failure.ts'
import { makeFolder, readText } from './files.ts'
import { readConfig } from './host-config.ts'
import { printLines } from './print-lines.ts'

/** Tells ION's files line by line on standard output; a Failure lists what is wrong in them. */
export function rcCheck(files: readonly string[]): void {
  const reading = readRc(files)
  printLines(explainIon(reading))
  const hasCommand = reading.units.some(({ lines }) =>
    lines.some(({ parsed }) => parsed.kind === 'command'),
  )
  if (!hasCommand && reading.problems.length === 0) {
    const names = files.map(nameOf).join(', ')
    throw new Failure(EXIT.usage, `${names}: no command in it: a line such as "1" would be right`)
  }
  const fault = faultOf(reading.problems)
  if (fault !== undefined) throw new Failure(EXIT.usage, fault.message)
}

/** ION's files and what they pull in, read as a node that is started now; problems are its own. */
export function readRc(files: readonly string[]): IonReading {
  const sources = files.map((file) => ({ file: nameOf(file), text: readText(file) }))
  return readIon(sources, { readFile, startedAt: hostClock.wall() })
}

/** Writes files for ION at the other end of each plan; a Failure where there is none it could be. */
export function rcWrite(configFile: string, directory: string): void {
  const config = readConfig(configFile)
  const { plans } = config
  if (plans.length === 0) {
    throw new Failure(EXIT.usage, `${configFile}: no plans: a plan to a neighbour would be right`)
  }
  const written = plans.flatMap(({ node }) => {
    const peer = ionPeerOf(config, node)
    if (!peer.ok) throw new Failure(EXIT.usage, `${configFile}: ${peer.fault.message}`)
    return writeIon(peer.value, String(node))
  })
  try {
    makeFolder(directory, 0o777)
    for (const { file, text } of written) writeFileSync(join(directory, file), text, { flag: 'wx' })
  } catch (error) {
    throw new Failure(EXIT.failed, `cannot write into ${directory}: ${reasonOf(error)}`)
  }
  printLines(written.map(({ file }) => join(directory, file)))
}

/** The reference of ION's files as Markdown. */
export function rcReference(): void {
  printLines([ionReference().trimEnd()])
}

/** One name for each file, however it is reached. */
function nameOf(file: string): string {
  return file === '-' ? file : normalize(file)
}

const readFile: ReadFile = (name, from) => {
  const file = isAbsolute(name) ? normalize(name) : join(dirname(from), name)
  try {
    return { file, text: readFileSync(file, 'utf8') }
  } catch (error) {
    return { file, reason: reasonOf(error) }
  }
}
