import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, isAbsolute, join } from 'node:path'
import type { ReadFile } from '../config/ion/read.ts'
import { EXIT, Failure, reasonOf } from './failure.ts'

/** The bytes of a file, or of standard input for `-`; a Failure where it cannot be read. */
export function readBytes(file: string): Uint8Array {
  try {
    return readFileSync(file === '-' ? 0 : file)
  } catch (error) {
    const name = file === '-' ? 'standard input' : file || 'a file without a name'
    throw new Failure(EXIT.usage, `cannot read ${name}: ${reasonOf(error)}`)
  }
}

/** The same as text. */
export function readText(file: string): string {
  return new TextDecoder().decode(readBytes(file))
}

/**
 * Makes a folder and those above it where they are not there; throws the system's error. One by one:
 * with `recursive` Node 20 looks for parents for ever where none can be made, as in /proc.
 */
export function makeFolder(path: string, mode: number): void {
  try {
    mkdirSync(path, { mode })
  } catch (error) {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return
    const parent = dirname(path)
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || parent === path) throw error
    makeFolder(parent, mode)
    mkdirSync(path, { mode })
  }
}

/** The same for what is nobody else's; a Failure where it cannot be made. */
export function makePrivateFolder(path: string): void {
  try {
    makeFolder(path, 0o700)
  } catch (error) {
    throw new Failure(EXIT.failed, `cannot make ${path}: ${reasonOf(error)}`)
  }
}

/** To standard output for `-`; a Failure where the file cannot be written. */
export function writeText(file: string, text: string): void {
  if (file === '-') process.stdout.write(text)
  else written(file, () => writeFileSync(file, text))
}

/** Does `write`; a Failure that names the file where the system refuses. */
export function written(file: string, write: () => void): void {
  try {
    write()
  } catch (error) {
    throw new Failure(EXIT.failed, `cannot write ${file}: ${reasonOf(error)}`)
  }
}

/** A relative name is one in the folder of the file that has it. */
export const readBeside: ReadFile = (name, from) => {
  const file = isAbsolute(name) ? name : join(dirname(from), name)
  try {
    return { file, text: readFileSync(file, 'utf8') }
  } catch (error) {
    return { file, reason: reasonOf(error) }
  }
}
