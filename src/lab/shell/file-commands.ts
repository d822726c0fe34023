/** `cat`, `ls`, `cd`, `pwd` and `echo`. */

import { concat, fromUtf8 } from '../../base/bytes.ts'
import { formatLogTime } from '../../base/calendar.ts'
import { Failure } from '../../base/failure.ts'
import { asFault } from '../../base/fault.ts'
import { type Command, complain, homeOf, pathIn, say } from './command.ts'

const FAILED = 1
const TROUBLE = 2

export const cat: Command = async (args, io, session) => {
  let status = 0
  for (const file of args.length === 0 ? ['-'] : args) {
    if (file === '-') {
      for (let bytes = await io.input(); bytes !== undefined; bytes = await io.input()) {
        io.output(bytes)
      }
      continue
    }
    try {
      const path = pathIn(session, file)
      const found = await session.host.files.stat(path)
      const isUnderFile = found?.kind === 'file' && file.endsWith('/')
      if (isUnderFile) throw new Failure(FAILED, 'Not a directory')
      io.output(await session.host.files.read(path))
    } catch (error) {
      complain(io, `cat: ${file}: ${reasonOf(error)}`)
      status = FAILED
    }
  }
  return status
}

export const ls: Command = async (words, io, session) => {
  const options = words.filter((word) => /^-./.test(word)).join('')
  const unknown = /[^-la1hdF]/.exec(options)?.[0]
  if (unknown !== undefined) {
    complain(io, `ls: invalid option -- '${unknown}': -l, -a, -d and -1 are there`)
    return TROUBLE
  }
  const paths = words.filter((word) => !/^-./.test(word))
  const shown = paths.length === 0 ? ['.'] : paths
  const { files } = session.host
  const lineOf = async (name: string, path: string): Promise<string> => {
    if (!options.includes('l')) return `${name}\n`
    const status = await files.stat(path)
    const [mode, size] = [
      status?.kind === 'directory' ? 'drwx------' : '-rw-------',
      String(status?.sizeBytes ?? 0).padStart(8),
    ]
    return `${mode} ${size} ${status === undefined ? '' : formatLogTime(status.modified)} ${name}\n`
  }
  let result = 0
  for (const [index, name] of shown.entries()) {
    try {
      const path = pathIn(session, name)
      const found = await files.stat(path)
      if (found === undefined) throw new Failure(FAILED, 'No such file or directory')
      if (found.kind === 'file' || options.includes('d')) {
        say(io, await lineOf(name, path))
        continue
      }
      const names = (await files.list(path)).filter(
        (entry) => options.includes('a') || !entry.startsWith('.'),
      )
      const lines = await Promise.all(
        names.map((entry) => lineOf(entry, pathIn(session, `${name}/${entry}`))),
      )
      const head = shown.length === 1 ? '' : `${index === 0 ? '' : '\n'}${name}:\n`
      say(io, head + lines.join(''))
    } catch (error) {
      complain(io, `ls: cannot access '${name}': ${reasonOf(error)}`)
      result = TROUBLE
    }
  }
  return result
}

export const cd: Command = async ([to], io, session) => {
  const path = to === undefined ? homeOf(session.user) : pathIn(session, to)
  const found = path === '/' ? { kind: 'directory' } : await session.host.files.stat(path)
  if (found?.kind === 'directory') {
    session.directory = path
    return 0
  }
  complain(
    io,
    `cd: ${to}: ${found === undefined ? 'No such file or directory' : 'Not a directory'}`,
  )
  return FAILED
}

export const pwd: Command = async (_, io, session) => {
  say(io, `${session.directory}\n`)
  return 0
}

/** With `-n`, and with the escapes of `-e`. */
export const echo: Command = async (words, io) => {
  const count = words.findIndex((word) => !/^-[neE]+$/.test(word))
  const options = words.slice(0, count < 0 ? words.length : count).join('')
  const text = words.slice(count < 0 ? words.length : count).join(' ')
  const shown = options.includes('e')
    ? text.replace(/\\([ntr\\])/g, (_, letter: string) => ESCAPES[letter] ?? '')
    : text
  io.output(concat(fromUtf8(shown), fromUtf8(options.includes('n') ? '' : '\n')))
  return 0
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', '\\': '\\' }

/** As the C library says it. */
export function reasonOf(error: unknown): string {
  if (error instanceof Failure) return error.message
  const { code, message } = asFault(error)
  return REASONS[code] ?? message
}

const REASONS: Readonly<Record<string, string>> = {
  'disk/not-found': 'No such file or directory',
  'disk/not-a-directory': 'Not a directory',
  'disk/permission-denied': 'Permission denied',
  'disk/full': 'No space left on device',
}
