import { readFileSync } from 'node:fs'
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
