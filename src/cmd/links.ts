/** The commands under names of their own: `sendmail` for `lightlag sendmail`. */

import { lstatSync, readlinkSync, symlinkSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { TOOL_PURPOSES } from '../dtn/tools/purposes.ts'
import { EXIT, Failure, reasonOf } from './failure.ts'
import { makeFolder } from './files.ts'

/** What programs look for on a machine with a mail server. */
const MAIL_NAMES: Readonly<Record<string, readonly string[]>> = {
  mail: ['mail'],
  mailq: ['mailq'],
  newaliases: ['sendmail', '-bi'],
  sendmail: ['sendmail'],
}

const NAMES: Readonly<Record<string, readonly string[]>> = {
  ...MAIL_NAMES,
  ...Object.fromEntries(Object.keys(TOOL_PURPOSES).map((name) => [name, [name]])),
}

const PROGRAM = fileURLToPath(new URL('../../bin/lightlag.js', import.meta.url))

/** The arguments, with those that the name under which the program was called stands for. */
export function wordsOf([, file = '', ...words]: readonly string[]): readonly string[] {
  return [...(NAMES[basename(file)] ?? []), ...words]
}

/** Makes links to this program; a Failure where something else has the name. */
export function makeLinks(folder: string, names: readonly string[]): void {
  const unknown = names.find((name) => NAMES[name] === undefined)
  if (unknown !== undefined) {
    const known = Object.keys(NAMES).join(', ')
    throw new Failure(EXIT.usage, `links: no command ${unknown}: one of ${known} would be right`)
  }
  try {
    makeFolder(folder, 0o755)
  } catch (error) {
    throw new Failure(EXIT.failed, `cannot make ${folder}: ${reasonOf(error)}`)
  }
  for (const name of names.length === 0 ? Object.keys(MAIL_NAMES) : names) {
    makeLink(join(folder, name))
  }
}

function makeLink(path: string): void {
  const status = lstatSync(path, { throwIfNoEntry: false })
  if (status === undefined) {
    try {
      symlinkSync(PROGRAM, path)
    } catch (error) {
      throw new Failure(EXIT.failed, `cannot make ${path}: ${reasonOf(error)}`)
    }
  } else if (!status.isSymbolicLink() || resolve(path, '..', readlinkSync(path)) !== PROGRAM) {
    throw new Failure(EXIT.failed, `${path} is something else, and left as it is`)
  }
  process.stdout.write(`${path}\n`)
}
