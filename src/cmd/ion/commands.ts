/** `lightlag rc …`, `node …` and ION's tools: the commands and their options. */

import { type Command, Option } from 'commander'
import type { AdminProgram } from '../../dtn/control/message.ts'
import { TOOL_PURPOSES } from '../../dtn/tools/purposes.ts'
import { EXIT, Failure } from '../failure.ts'
import { logOption } from '../log-option.ts'
import type { NodeStatusArguments } from './node-status.ts'
import type { RcRunArguments } from './rc-run.ts'

const ADMIN_EXAMPLES: Readonly<Record<AdminProgram, readonly string[]>> = {
  ionadmin: [
    "echo 'l contact' | lightlag ionadmin",
    "echo 'a contact +0 +600 2 3 100000' | lightlag ionadmin --node 2",
  ],
  bpadmin: ["echo 'a endpoint ipn:2.9 q' | lightlag bpadmin", 'lightlag bpadmin more.bprc'],
  ipnadmin: ["echo 'c plan 3 50000' | lightlag ipnadmin", 'lightlag ipnadmin more.ipnrc'],
  dtpcadmin: ["echo 'l profile' | lightlag dtpcadmin", 'lightlag dtpcadmin more.dtpcrc'],
}

/** `exitStatuses` ends every help text; `configOf` misses the option that one of them needs. */
export function addIonCommands(
  program: Command,
  exitStatuses: string,
  configOf: (options: { readonly config?: string }, command: Command) => string,
): void {
  addRc(program, exitStatuses, configOf)
  program
    .command('node')
    .command('status')
    .description('print what a node does, holds and has counted')
    .option('--node <node>', 'number or control socket of the node (default: the only one here)')
    .option('--json', 'as JSON')
    .addOption(new Option('--prometheus', 'as metrics of Prometheus').conflicts('json'))
    .addHelpText(
      'after',
      `
Examples:
  lightlag node status --node 2 --json
${exitStatuses}`,
    )
    .action(async (options: NodeStatusArguments) =>
      (await import('./node-status.ts')).nodeStatus(options),
    )

  addAdminPrograms(program)
  // ION's arguments begin with signs and dashes of their own, and are left to the tools.
  for (const name of Object.keys(TOOL_PURPOSES)) {
    if (Object.hasOwn(ADMIN_EXAMPLES, name)) continue
    program
      .command(name)
      .argument('[words...]')
      .option('--node <node>', 'number or control socket of the node to use')
      .helpOption(false)
      .allowUnknownOption()
      .action(async (words: readonly string[], { node }: { readonly node?: string }) =>
        (await import('./tool.ts')).runTool(name, words, node),
      )
  }
}

function addRc(
  program: Command,
  exitStatuses: string,
  configOf: (options: { readonly config?: string }, command: Command) => string,
): void {
  const rc = program.command('rc')

  rc.command('check')
    .argument(
      '<file...>',
      'ionrc, bprc and so on, by the endings of their names, or a combined .rc',
    )
    .description("tell ION's files line by line, and what is wrong in them")
    .addHelpText(
      'after',
      `
Examples:
  lightlag rc check examples/ion/2.bench.udp/bench.* examples/ion/global.ionrc
${exitStatuses}`,
    )
    .action(async (files: readonly string[]) => (await import('../rc.ts')).rcCheck(files))

  rc.command('run')
    .argument(
      '<file...>',
      'ionrc, bprc and so on, by the endings of their names, or a combined .rc',
    )
    .description("run the bundle node that ION's files describe, until SIGINT or SIGTERM")
    .option('--directory <folder>', 'where it keeps everything (default: var/ipn-<node number>)')
    .addOption(logOption())
    .addHelpText(
      'after',
      `
Examples:
  lightlag rc run examples/ion/2.bench.udp/bench.* examples/ion/global.ionrc
${exitStatuses}`,
    )
    .action(async (files: readonly string[], options: RcRunArguments) =>
      (await import('./rc-run.ts')).rcRun(files, options),
    )

  rc.command('write')
    .argument('<folder>', 'where to write them; made where it is not there')
    .option('--config <file>', "a host's file, as etc/mail-1.yaml")
    .description("write ION's files for the neighbour at the other end of each plan")
    .addHelpText(
      'after',
      `
Examples:
  lightlag rc write --config etc/mail-1.yaml var/ion
${exitStatuses}`,
    )
    .action(async (folder: string, options: { readonly config?: string }, command: Command) =>
      (await import('../rc.ts')).rcWrite(configOf(options, command), folder),
    )

  rc.command('reference')
    .description("print what is read of ION's files, as Markdown")
    .action(async () => (await import('../rc.ts')).rcReference())
}

function addAdminPrograms(program: Command): void {
  for (const [name, examples] of Object.entries(ADMIN_EXAMPLES)) {
    program
      .command(name)
      .argument('[file]', 'commands, a line each; default: standard input, with a prompt for each')
      .option('--node <node>', 'number or control socket of the node (default: the only one here)')
      .addHelpText(
        'after',
        `
Examples:
${examples.map((example) => `  ${example}`).join('\n')}

The command ? lists the commands. A line that is refused does not keep the next from being read.

Exit status: 0 done, 1 a line was refused or there is no node, 2 the arguments were not understood;
after the command t, 1 is ION's yes: a node runs.`,
      )
      .action(async (file: string | undefined, { node }: { readonly node?: string }) => {
        if (file === '.' || file === '!') throw new Failure(EXIT.usage, stopAdvice(name, file))
        return (await import('./tool.ts')).runTool(name, file === undefined ? [] : [file], node)
      })
  }
}

/** ION's words for stopping its layers and letting them go on. */
function stopAdvice(name: string, file: string): string {
  const right = 'SIGINT or SIGTERM to the process of the node stops it, "lightlag rc run" starts it'
  return `${name} ${file}: a node is not stopped by its admin programs: ${right}`
}
