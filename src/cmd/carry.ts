/** `lightlag carry`: mail on sticks and other media, between a running host and a directory. */

import { resolve } from 'node:path'
import type { Command } from 'commander'
import { visible } from '../base/visible.ts'
import { type CarriedFile, carryIn, carryOut } from '../bridge/carry-files.ts'
import { hostDisk } from '../host/disk.ts'
import { EXIT, Failure } from './failure.ts'
import type { HostOption } from './mail-ports.ts'
import { withHost } from './mail-queue.ts'

const NODE = 'number or control socket of the host (default: the only one here)'

/** `exitStatuses` ends every help text. */
export function addCarryCommands(program: Command, exitStatuses: string): void {
  const carry = program.command('carry')
  carry
    .command('out')
    .argument('<directory>', 'where to write it, such as a USB stick')
    .description('write all that waits for peers, and answers to what came from them')
    .option('--node <node>', NODE)
    .addHelpText(
      'after',
      `
Examples:
  lightlag carry out /media/stick
  lightlag carry in /media/stick && lightlag carry out /media/stick

Begun again it writes what is missing. What is not acknowledged yet goes onto every stick; the far host
takes each mail once. A stick may have files for several hosts.
${exitStatuses}`,
    )
    .action((directory: string, options: HostOption) => out(resolve(directory), options))
  carry
    .command('in')
    .argument('<directory>', 'what somebody brought, such as a USB stick')
    .description('take the mail and the answers that are for this host, and remove their files')
    .option('--node <node>', NODE)
    .addHelpText(
      'after',
      `
Examples:
  lightlag carry in /media/stick

Files for other hosts are left as they are, and so is whatever is damaged, too old, or not from a peer; it
says why. The answers to what was taken leave with the next "carry out".
${exitStatuses}`,
    )
    .action((directory: string, options: HostOption) => bringIn(resolve(directory), options))
}

async function out(directory: string, options: HostOption): Promise<void> {
  await requireDirectory(directory)
  await withHost(options, async (host) => {
    const { written, present, left, trouble } = await carryOut(directory, host, hostDisk)
    const before = present === 0 ? '' : `, ${present} were there already`
    process.stdout.write(`${written} file${written === 1 ? '' : 's'} written${before}\n`)
    if (trouble === undefined) return
    const message = `${directory}: ${trouble}; left for another run or another stick: ${left}`
    throw new Failure(EXIT.failed, message)
  })
}

async function bringIn(directory: string, options: HostOption): Promise<void> {
  await requireDirectory(directory)
  await withHost(options, async (host) => {
    let [taken, others, wrong] = [0, 0, 0]
    await carryIn(directory, host, hostDisk, (one) => {
      if (one.outcome.type === 'taken') taken++
      else if (one.outcome.type === 'for-another') others++
      else wrong++
      const problem = problemWith(one)
      if (problem !== undefined) process.stderr.write(`${visible(problem)}\n`)
    })
    const rest = others === 0 ? '' : `, ${others} are for other hosts`
    process.stdout.write(`${taken} files taken${rest}\n`)
    if (wrong > 0) throw new Failure(EXIT.failed, `${wrong} files were not taken`)
  })
}

function problemWith({ file, outcome, stays }: CarriedFile): string | undefined {
  switch (outcome.type) {
    case 'taken':
      return stays === undefined ? undefined : `${file}: taken, but it cannot be removed: ${stays}`
    case 'for-another':
      return undefined
    case 'refused':
      return `${file}: not taken: ${outcome.reason}`
    case 'later':
      return `${file}: not taken for now: ${outcome.reason}`
  }
}

async function requireDirectory(directory: string): Promise<void> {
  const status = await hostDisk.stat(directory)
  if (status?.kind === 'directory') return
  const what = status === undefined ? 'no such directory' : 'not a directory'
  throw new Failure(EXIT.usage, `${directory}: ${what}`)
}
