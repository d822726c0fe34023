import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { delimiter, dirname, join } from 'node:path'

/**
 * For `test.skipIf(needs('tshark'))`: why a test that needs `program` cannot run, and the same said
 * on stderr, so that nothing is skipped silently; undefined where the program is there.
 */
export function needs(program: string): string | undefined {
  const { PATH = '' } = process.env
  if (PATH.split(delimiter).some((folder) => isExecutable(join(folder, program)))) return undefined
  return skipped(`${program} is not installed`)
}

/** The same for a program that is in no folder of PATH. */
export function needsFile(path: string): string | undefined {
  return isExecutable(path) ? undefined : skipped(`${path} is not installed`)
}

/** The same for tests that look at loopback with tshark: it may be there and not be allowed to. */
export function needsCapture(): string | undefined {
  const absent = needs('tshark')
  if (absent !== undefined) return absent
  const { stdout } = spawnSync('tshark', ['-D'], { encoding: 'utf8' })
  if (/\blo\b/.test(stdout)) return undefined
  return skipped('tshark may not capture on loopback here')
}

/** The same for modules of Perl or Python, as the system has installed them. */
export function needsModules(
  program: '/usr/bin/perl' | '/usr/bin/python3',
  ...modules: readonly string[]
): string | undefined {
  const lacking = modules.filter((name) => {
    const args = program === '/usr/bin/perl' ? [`-M${name}`, '-e', '1'] : ['-c', `import ${name}`]
    return spawnSync(program, args, { stdio: 'ignore' }).status !== 0
  })
  return lacking.length === 0 ? undefined : skipped(`${program} has no ${lacking.join(', ')} here`)
}

/** The same for tests that look at a process from outside, as Linux lets them. */
export function needsProc(): string | undefined {
  return existsSync('/proc/self/status') ? undefined : skipped('this system has no /proc')
}

/** The same for tests whose programs only the superuser can start. */
export function needsRoot(): string | undefined {
  return process.getuid?.() === 0 ? undefined : skipped('only root can start its programs')
}

/** The same for tests that as root start our program as somebody else, who must get to its files. */
export function needsFolderOpenToAll(): string | undefined {
  if (process.getuid?.() !== 0) return undefined
  for (let folder = process.cwd(); ; folder = dirname(folder)) {
    if ((statSync(folder).mode & 0o001) === 0) return skipped(`other users may not enter ${folder}`)
    if (folder === dirname(folder)) return undefined
  }
}

/** The same for tests over IPv6. */
export function needsIpv6Loopback(): string | undefined {
  const interfaces = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
  const isThere = interfaces.some(({ address }) => address === '::1')
  return isThere ? undefined : skipped('this machine has no ::1')
}

function skipped(why: string): string {
  const reason = `skipped: ${why}`
  process.stderr.write(`${reason}\n`)
  return reason
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
