import { execFile, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { needs } from './programs.ts'

/** As `needs`, for tests that look at system calls: strace may be there and not be allowed to. */
export function needsTrace(): string | undefined {
  const absent = needs('strace')
  if (absent !== undefined) return absent
  if (spawnSync('strace', ['-f', '-o', '/dev/null', process.execPath, '--version']).status === 0) {
    return undefined
  }
  const reason = 'skipped: strace may not trace here'
  process.stderr.write(`${reason}\n`)
  return reason
}

/** Every call that makes a name, writes, renames or makes durable, on whichever machine. */
const CALLS = [
  ...['open', 'openat', 'mkdir', 'mkdirat', 'rename', 'renameat', 'renameat2'],
  ...['write', 'writev', 'pwrite64', 'pwritev', 'pwritev2', 'fsync', 'fdatasync'],
].map((name) => `?${name}`)

/**
 * Runs `script`, a module of JavaScript that gets `directory` as its argument, and resolves with
 * what it did below that directory, call by call in the order in which the calls returned, with
 * paths from there:
 * `make a`, `create a/b`, `write a/b`, `write through a/b` (durable by itself), `sync a/b`,
 * `rename a/b c`; `.` is the directory itself; and `say …` for each line on its output.
 */
export async function traced(directory: string, script: string): Promise<readonly string[]> {
  const output = join(directory, 'trace')
  const program = [process.execPath, '--input-type=module', '-e', script, directory]
  await promisify(execFile)(
    'strace',
    ['-f', '-y', '-s', '4096', '-o', output, '-e', `trace=${CALLS.join()}`, ...program],
    // Else newer versions of Node may write by a ring, which no call shows.
    { env: { ...process.env, UV_USE_IO_URING: '0' } },
  )
  const through = new Set<string>()
  return completed(readFileSync(output, 'latin1')).flatMap((call) => {
    const [, name = '', rest = ''] = /^(\w+)\((.*)$/.exec(call) ?? []
    // What failed did nothing.
    if (!/ = \d/.test(rest)) return []
    const paths = [...rest.matchAll(/["<](\/[^">]*)[">]/g)]
      .map(([, path = '']) => path)
      .filter((path) => path === directory || path.startsWith(`${directory}/`))
      .map((path) => path.slice(directory.length + 1) || '.')
    const [first, second] = paths
    if (/^write\(1</.test(call)) return sayings(rest)
    if (first === undefined) return []
    const file = /^\w+\((\d+)</.exec(call)?.[1] ?? ''
    if (name.startsWith('mkdir')) return [`make ${first}`]
    if (name.startsWith('rename')) return [`rename ${first} ${second}`]
    if (name.includes('sync')) return [`sync ${first}`]
    if (name.includes('write')) return [`write ${through.has(file) ? 'through ' : ''}${first}`]
    return opened(rest, first, through)
  })
}

function opened(rest: string, path: string, through: Set<string>): readonly string[] {
  const file = / = (\d+)</.exec(rest)?.[1] ?? ''
  if (/O_D?SYNC/.test(rest)) through.add(file)
  else through.delete(file)
  return /O_CREAT/.test(rest) ? [`create ${path}`] : []
}

function sayings(rest: string): readonly string[] {
  const text = /, "(.*)", \d+\) += /.exec(rest)?.[1] ?? ''
  return text
    .split('\\n')
    .slice(0, -1)
    .map((line) => `say ${line}`)
}

/** The calls in the order of their returns; of one that others came between, its parts as one. */
function completed(trace: string): readonly string[] {
  const begun = new Map<string, string>()
  return trace.split('\n').flatMap((line) => {
    const [, thread = '', rest = ''] = /^(\d+) +(.*)$/.exec(line) ?? []
    const [, beginning] = /^(.*) <unfinished \.\.\.>$/.exec(rest) ?? []
    if (beginning !== undefined) {
      begun.set(thread, beginning)
      return []
    }
    const [, end] = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest) ?? []
    return [end === undefined ? rest : `${begun.get(thread)}${end}`]
  })
}
