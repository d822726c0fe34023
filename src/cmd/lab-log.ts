/** The log of a lab in the background: a file that is standard output and standard error at once. */

import { copyFileSync, fstatSync, ftruncateSync, writeSync } from 'node:fs'

const STANDARD_OUTPUT = 1

/** Prints lines; what was there when `file` had `bytesMax` goes to a second file, in place of what that had. */
export function boundedLog(
  file: string,
  bytesMax: number,
  descriptor: number = STANDARD_OUTPUT,
): (line: string) => void {
  let bytes = fstatSync(descriptor).size
  return (line) => {
    const text = `${line}\n`
    const lineBytes = Buffer.byteLength(text)
    if (bytes > 0 && bytes + lineBytes > bytesMax) {
      copyFileSync(file, before(file))
      ftruncateSync(descriptor)
      bytes = 0
    }
    bytes += lineBytes
    writeSync(descriptor, text)
  }
}

/** All files that there may be of it. */
export function logsOf(file: string): readonly string[] {
  return [file, before(file)]
}

function before(file: string): string {
  return `${file}.1`
}
