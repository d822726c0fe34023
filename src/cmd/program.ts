import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { parseShare } from '../base/quantity.ts'
import { ADMIN_PROGRAMS, type AdminProgram } from '../dtn/control/message.ts'
import { TOOLS } from '../dtn/tools/tools.ts'
import { addCarryCommands } from './carry.ts'
import { addCertificateCommands } from './certificate-commands.ts'
import { CLIENT_CONFIG_KINDS, type ClientConfigArguments, clientConfig } from './client-config.ts'
import { type DemoArguments, demo } from './demo.ts'
import { addDkimCommands } from './dkim-commands.ts'
import { addExperimentCommands } from './experiment-commands.ts'
import { EXIT, Failure, reasonOf } from './failure.ts'
import { addFaultCommands } from './fault-commands.ts'
import { type NodeStatusArguments, nodeStatus } from './ion/node-status.ts'
import { type RcRunArguments, rcRun } from './ion/rc-run.ts'
import { runTool } from './ion/tool.ts'
import { addLabCommands } from './lab-commands.ts'
import { makeLinks, wordsOf } from './links.ts'
import { addMailCommands } from './mail-commands.ts'
import { addMailboxCommands } from './mailbox-commands.ts'
import { duration, seed } from './numbers.ts'
import { addPictureOptions, PICTURE_HELP } from './picture-options.ts'
import { rcCheck, rcReference, rcWrite } from './rc.ts'
import { scenarioCheck, scenarioReferenceText } from './scenario.ts'
import { type ServeArguments, serve } from './serve.ts'
import { addSimCommands } from './sim-commands.ts'
import { addUserCommands } from './user-commands.ts'
import { version } from './version.ts'

const EXIT_STATUSES = `
Exit status: 0 done, 1 it failed, 2 an option, a value or a file was not understood.`

const ADMIN_EXAMPLES: Readonly<Record<AdminProgram, readonly string[]>> = {
  ionadmin: [
    "echo 'l contact' | lightlag ionadmin",
    "echo 'a contact +0 +600 2 3 100000' | lightlag ionadmin --node 2",
  ],
  bpadmin: ["echo 'a endpoint ipn:2.9 q' | lightlag bpadmin", 'lightlag bpadmin more.bprc'],
  ipnadmin: ["echo 'c plan 3 50000' | lightlag ipnadmin", 'lightlag ipnadmin more.ipnrc'],
  dtpcadmin: ["echo 'l profile' | lightlag dtpcadmin", 'lightlag dtpcadmin more.dtpcrc'],
}

const program = new Command('lightlag')
  .description('Email that keeps working when the round trip takes minutes.')
  .version(version())
  // `sendmail -V ENVID` is no question for the version.
  .enablePositionalOptions()
  .exitOverride()

addPictureOptions(
  program
    .command('demo')
    .description('carry a mail across a slow link and its answer back, in virtual time')
    .option('--message <file>', 'mail to carry instead of the built-in one; - for standard input')
    .option('--delay <duration>', 'one-way delay of the link: 500ms, 20min, 0', duration)
    .option('--loss <share>', 'share of packets that the link loses: 20%', share)
    .option('--seed <number>', 'what decides everything random: 0 to 4294967295', seed)
    .option('--scenario <file>', 'the world to run it in (default: scenarios/earth-moon.yaml)'),
)
  .addHelpText(
    'after',
    `
Examples:
  lightlag demo
  lightlag demo --delay 20min --loss 20%
  lightlag demo --message letter.eml
  lightlag demo --loss 20% --pcapng demo.pcapng --space-time demo.svg
${PICTURE_HELP}
${EXIT_STATUSES}`,
  )
  .action(({ delay, ...others }: Omit<DemoArguments, 'delayMs'> & { readonly delay?: number }) =>
    demo({ ...others, delayMs: delay }),
  )

program
  .command('serve')
  .description('run one host on real sockets and files until SIGINT or SIGTERM')
  .option('--config <file>', "the host's file, as etc/mail-1.yaml")
  .addOption(logOption())
  .addHelpText(
    'after',
    `
Examples:
  lightlag serve --config etc/mail-1.yaml
${EXIT_STATUSES}`,
  )
  .action(
    (options: Omit<ServeArguments, 'config'> & { readonly config?: string }, command: Command) =>
      serve({ ...options, config: configOf(options, command) }),
  )

program
  .command('client-config')
  .argument('<user@domain>', 'whose mail program is to be set up')
  .description('print what mail programs configure themselves from: autoconfig, SRV, mobileconfig')
  .option('--config <file>', "the host's file, as etc/mail-1.yaml")
  .addOption(
    new Option('--only <kind>', 'one of them, without heading').choices(CLIENT_CONFIG_KINDS),
  )
  .addHelpText(
    'after',
    `
Examples:
  lightlag client-config user@mail-1.a.com --config etc/mail-1.yaml
  lightlag client-config user@mail-1.a.com --config etc/mail-1.yaml --only mobileconfig >me.mobileconfig
${EXIT_STATUSES}`,
  )
  .action(
    (
      address: string,
      options: Omit<ClientConfigArguments, 'config'> & { readonly config?: string },
      command: Command,
    ) => clientConfig(address, { ...options, config: configOf(options, command) }),
  )

const scenario = program.command('scenario').description('read scenarios of the lab')

scenario
  .command('check')
  .argument('<file>', 'a scenario, as scenarios/earth-moon.yaml')
  .description('tell everything that is wrong in a scenario')
  .addHelpText(
    'after',
    `
Examples:
  lightlag scenario check scenarios/earth-moon.yaml
${EXIT_STATUSES}`,
  )
  .action((file: string) => scenarioCheck(file))

scenario
  .command('reference')
  .description('print what a scenario may have, as Markdown')
  .action(() => scenarioReferenceText())

const rc = program.command('rc').description("read and write ION's configuration files")

rc.command('check')
  .argument('<file...>', 'ionrc, bprc and so on, by the endings of their names, or a combined .rc')
  .description("tell ION's files line by line, and what is wrong in them")
  .addHelpText(
    'after',
    `
Examples:
  lightlag rc check examples/ion/2.bench.udp/bench.* examples/ion/global.ionrc
${EXIT_STATUSES}`,
  )
  .action((files: readonly string[]) => rcCheck(files))

rc.command('run')
  .argument('<file...>', 'ionrc, bprc and so on, by the endings of their names, or a combined .rc')
  .description("run the bundle node that ION's files describe, until SIGINT or SIGTERM")
  .option('--directory <folder>', 'where it keeps everything (default: var/ipn-<node number>)')
  .addOption(logOption())
  .addHelpText(
    'after',
    `
Examples:
  lightlag rc run examples/ion/2.bench.udp/bench.* examples/ion/global.ionrc
${EXIT_STATUSES}`,
  )
  .action((files: readonly string[], options: RcRunArguments) => rcRun(files, options))

rc.command('write')
  .argument('<folder>', 'where to write them; made where it is not there')
  .option('--config <file>', "a host's file, as etc/mail-1.yaml")
  .description("write ION's files for the neighbour at the other end of each plan")
  .addHelpText(
    'after',
    `
Examples:
  lightlag rc write --config etc/mail-1.yaml var/ion
${EXIT_STATUSES}`,
  )
  .action((folder: string, options: { readonly config?: string }, command: Command) =>
    rcWrite(configOf(options, command), folder),
  )

rc.command('reference')
  .description("print what is read of ION's files, as Markdown")
  .action(() => rcReference())

program
  .command('node')
  .description('look at a running node')
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
${EXIT_STATUSES}`,
  )
  .action((options: NodeStatusArguments) => nodeStatus(options))

addCertificateCommands(program, EXIT_STATUSES)
addUserCommands(program, EXIT_STATUSES, configOf)
addDkimCommands(program, EXIT_STATUSES, configOf)
addMailCommands(program, EXIT_STATUSES)
addCarryCommands(program, EXIT_STATUSES)
addMailboxCommands(program, EXIT_STATUSES)
addFaultCommands(program, EXIT_STATUSES)
addLabCommands(program, EXIT_STATUSES)
addSimCommands(program, EXIT_STATUSES)
addExperimentCommands(program, EXIT_STATUSES)

program
  .command('links')
  .argument('<folder>', 'where to make them; made where it is not there')
  .argument('[name...]', 'which commands (default: mail, mailq, newaliases and sendmail)')
  .description('make commands such as sendmail that can be called by their own names')
  .addHelpText(
    'after',
    `
Nothing that is there already is replaced. With the folder first in PATH, programs find these commands
in place of the system's.

Examples:
  lightlag links ~/lightlag-bin && PATH=~/lightlag-bin:$PATH
  lightlag links /usr/local/sbin sendmail mailq
  lightlag links ~/ion-bin bpsource bpsink
${EXIT_STATUSES}`,
  )
  .action((folder: string, names: readonly string[]) => makeLinks(folder, names))

for (const name of ADMIN_PROGRAMS) {
  program
    .command(name)
    .description(`${TOOLS[name]?.purpose} of a running node (as ION's ${name})`)
    .argument('[file]', 'commands, a line each; default: standard input, with a prompt for each')
    .option('--node <node>', 'number or control socket of the node (default: the only one here)')
    .addHelpText(
      'after',
      `
Examples:
${ADMIN_EXAMPLES[name].map((example) => `  ${example}`).join('\n')}

The command ? lists the commands. A line that is refused does not keep the next from being read.

Exit status: 0 done, 1 a line was refused or there is no node, 2 the arguments were not understood;
after the command t, 1 is ION's yes: a node runs.`,
    )
    .action((file: string | undefined, { node }: { readonly node?: string }) => {
      if (file === '.' || file === '!') throw new Failure(EXIT.usage, stopAdvice(name, file))
      return runTool(name, file === undefined ? [] : [file], node)
    })
}

// ION's arguments begin with signs and dashes of their own, and are left to the tools.
for (const [name, { purpose }] of Object.entries(TOOLS)) {
  if (isAdminProgram(name)) continue
  program
    .command(name)
    .description(`${purpose} (as ION's ${name})`)
    .argument('[words...]')
    .option('--node <node>', 'number or control socket of the node to use')
    .helpOption(false)
    .allowUnknownOption()
    .action((words: readonly string[], { node }: { readonly node?: string }) =>
      runTool(name, words, node),
    )
}

// Whoever reads the output may stop reading: `lightlag demo | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.ok)
  process.stderr.write(`lightlag: cannot write the output: ${reasonOf(error)}\n`)
  process.exit(EXIT.failed)
})

try {
  await program.parseAsync(wordsOf(process.argv), { from: 'user' })
} catch (error) {
  process.exitCode = told(error)
}

/** What the user hears of an error, and the exit status for it. A mistake of ours goes on. */
function told(error: unknown): number {
  if (error instanceof Failure) {
    process.stderr.write(`${error.message}\n`)
    return error.status
  }
  // Commander has written its message already; help and version come this way too.
  if (error instanceof CommanderError) return error.exitCode === 1 ? EXIT.usage : error.exitCode
  throw error
}

/** Missed here: Commander misses its own kind of required options before it looks for mistyped ones. */
function configOf({ config }: { readonly config?: string }, command: Command): string {
  return config ?? command.error("error: required option '--config <file>' not specified")
}

function isAdminProgram(name: string): boolean {
  return (ADMIN_PROGRAMS as readonly string[]).includes(name)
}

/** ION's words for stopping its layers and letting them go on. */
function stopAdvice(name: string, file: string): string {
  const right = 'SIGINT or SIGTERM to the process of the node stops it, "lightlag rc run" starts it'
  return `${name} ${file}: a node is not stopped by its admin programs: ${right}`
}

function logOption(): Option {
  return new Option('--log <format>', 'how the log on standard output is written')
    .choices(['lines', 'json'])
    .default('lines')
}

function share(text: string): number {
  const value = parseShare(text)
  if (value === undefined || value === 1) {
    throw new InvalidArgumentError('A share is from 0% to less than 100%.')
  }
  return value
}
