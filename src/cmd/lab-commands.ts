/** `lightlag lab`: a scenario that runs, and is controlled while it does. */

import { type Command, InvalidArgumentError, Option } from 'commander'
import { parseShare, parseSize } from '../base/quantity.ts'
import type { LinkQuality } from '../config/link-quality.ts'
import type { PowerAction } from '../lab/desk.ts'
import { DETAILS, PROTOCOLS, SEQUENCE_FORMS } from '../lab/pictures/choices.ts'
import { EXIT, Failure } from './failure.ts'
import {
  type ExecArguments,
  type LabOption,
  labDiagram,
  labDown,
  labExec,
  labLinks,
  labPower,
  labPs,
  labSend,
  labSetLink,
  labStartCapture,
  labStopCapture,
  type SendArguments,
} from './lab-client.ts'
import type { Speed } from './lab-driver.ts'
import type { FixedPort, PublishWish } from './lab-ports.ts'
import type { RunArguments } from './lab-run.ts'
import type { UpArguments } from './lab-up.ts'
import { duration, seed } from './numbers.ts'
import { addPictureOptions, PICTURE_HELP } from './picture-options.ts'

const LAB = 'name of the lab (default: the only one that runs)'

const POWER: Readonly<Record<PowerAction, string>> = {
  kill: 'take the power from a host: what is durable is all that it finds later',
  start: 'give a host its power back',
  wipe: 'take the power from a host, and its disk',
}

type JsonOption = LabOption & { readonly json?: true }

/** `exitStatuses` ends every help text. */
export function addLabCommands(program: Command, exitStatuses: string): void {
  const lab = program.command('lab').enablePositionalOptions()
  addUp(lab, exitStatuses)
  addRun(lab, exitStatuses)
  lab
    .command('ps')
    .description('list the labs that run, their hosts, services and published ports')
    .option('--json', 'as JSON')
    .option('--lab <name>', LAB)
    .addHelpText(
      'after',
      `\nExamples:\n  lightlag lab ps\n  lightlag lab ps --json\n${exitStatuses}`,
    )
    .action((options: JsonOption) => labPs(options))
  addLink(lab.command('link').description('look at links, change them, cut them'), exitStatuses)
  const host = lab
    .command('host')
    .description('take power and disks from hosts, and give them back')
  for (const [action, purpose] of Object.entries(POWER) as [PowerAction, string][]) {
    host
      .command(action)
      .argument('<host>', 'its name, or the beginning: mail-1 for mail-1.a.com')
      .description(purpose)
      .option('--lab <name>', LAB)
      .addHelpText('after', `\nExamples:\n  lightlag lab host ${action} mail-1\n${exitStatuses}`)
      .action((name: string, options: LabOption) => labPower(action, name, options))
  }
  addExec(lab)
  addSend(lab)
  addCapture(lab, exitStatuses)
  lab
    .command('down')
    .description('end a lab; nothing is left of it')
    .option('--lab <name>', LAB)
    .addHelpText('after', `\nExamples:\n  lightlag lab down\n${exitStatuses}`)
    .action((options: LabOption) => labDown(options))
}

function addUp(lab: Command, exitStatuses: string): void {
  lab
    .command('up')
    .argument('<scenario>', 'file of a scenario, as scenarios/earth-moon.yaml')
    .description('run a scenario until Ctrl-C or "lab down", and print its log')
    .option('-d, --detach', 'in the background')
    .option('--speed <factor>', 'virtual seconds in a second, or max', speed, 1)
    .option('--name <name>', 'what to call it (default: the name of the scenario)')
    .option('--seed <number>', 'what decides everything random, in place of that of the file', seed)
    .option(
      '--record <file>',
      'write down what is done to it: "lightlag sim --replay" plays it again',
    )
    .addOption(
      new Option(
        '--publish <ports>',
        'ports of this machine for mail programs: free, none, a number to add, or HOST:PORT=OURS',
      )
        .argParser(publish)
        .default({ type: 'free' }, 'free'),
    )
    .option(
      '--client <host>',
      'where mail programs at published ports are (default: a host without services, or each host for its own)',
    )
    .addHelpText(
      'after',
      `
With --publish 10000, port 25 of the first host is 127.0.0.1:10025, of the second 127.0.0.1:11025.

Examples:
  lightlag lab up scenarios/earth-moon.yaml
  lightlag lab up -d scenarios/earth-moon.yaml --speed 10 --publish 10000
  lightlag lab up scenarios/earth-moon.yaml --publish mail-1:587=2587 --publish mail-1:110=2110
${exitStatuses}`,
    )
    .action(async (scenario: string, options: Omit<UpArguments, 'scenario'>) =>
      (await import('./lab-up.ts')).labUp({ ...options, scenario }),
    )
}

function addRun(lab: Command, exitStatuses: string): void {
  addPictureOptions(
    lab
      .command('run')
      .argument('<scenario>', 'file of a scenario, as scenarios/starttls.yaml')
      .description('play a scenario to its end as fast as it goes, and draw what happened')
      .option(
        '--for <duration>',
        'as long in virtual time (default: until no mail waits any more)',
        duration,
      )
      .option(
        '--seed <number>',
        'what decides everything random, in place of that of the file',
        seed,
      )
      .option('--quiet', 'print nothing of what happens'),
  )
    .addHelpText(
      'after',
      `${PICTURE_HELP}
What came of each event of its timeline is told at the end, and which mails can never arrive.

Examples:
  lightlag lab run scenarios/ship.yaml
  lightlag lab run scenarios/starttls.yaml --quiet --across --diagram messages
  lightlag lab run scenarios/starttls.yaml --pcapng run.pcapng --svg run.svg --space-time times.svg
${exitStatuses}`,
    )
    .action(async (scenario: string, args: RunArguments) =>
      (await import('./lab-run.ts')).labRun(scenario, args),
    )
}

interface LinkArguments extends LabOption {
  readonly delay?: number
  readonly jitter?: number
  readonly loss?: number
  readonly duplicate?: number
  readonly reorder?: number
  readonly corrupt?: number
  readonly rate?: number | 'off'
  readonly oneWay?: true
}

function addLink(link: Command, exitStatuses: string): void {
  link
    .command('show')
    .description('print what each direction of each link does')
    .option('--json', 'as JSON')
    .option('--lab <name>', LAB)
    .addHelpText('after', `\nExamples:\n  lightlag lab link show\n${exitStatuses}`)
    .action((options: JsonOption) => labLinks(options))
  between(link.command('set'), 'change a link for what is sent from now on')
    .option('--delay <duration>', 'one-way delay', duration)
    .option('--jitter <duration>', 'how far it scatters', duration)
    .option('--loss <share>', 'share of packets that get lost', share)
    .option('--duplicate <share>', 'share that arrives twice', share)
    .option('--reorder <share>', 'share that arrives at once', share)
    .option('--corrupt <share>', 'share with a bit wrong', share)
    .option('--rate <rate>', 'such as 125kB/s, or off', rate)
    .addHelpText(
      'after',
      `
Examples:
  lightlag lab link set earth moon --delay 1.3s --loss 5%
  lightlag lab link set moon earth --rate 2kB/s --one-way
${exitStatuses}`,
    )
    .action((from: string, to: string, options: LinkArguments) => {
      const { delay, jitter, loss, duplicate, reorder, corrupt, rate: limit } = options
      const change: Partial<LinkQuality> = {
        ...(delay !== undefined && { oneWayDelayMs: delay }),
        ...(jitter !== undefined && { jitterMs: jitter }),
        ...(loss !== undefined && { lossShare: loss }),
        ...(duplicate !== undefined && { duplicateShare: duplicate }),
        ...(reorder !== undefined && { reorderShare: reorder }),
        ...(corrupt !== undefined && { corruptShare: corrupt }),
        ...(limit !== undefined && { rateBytesPerSec: limit === 'off' ? undefined : limit }),
      }
      if (Object.keys(change).length === 0) {
        const message = 'lab link set: nothing to change: --delay, --loss or another would be right'
        throw new Failure(EXIT.usage, message)
      }
      return setLink(from, to, change, options)
    })
  for (const [name, isDown] of [
    ['down', true],
    ['up', false],
  ] as const) {
    between(link.command(name), isDown ? 'cut a link' : 'mend a link that was cut')
      .addHelpText('after', `\nExamples:\n  lightlag lab link ${name} earth moon\n${exitStatuses}`)
      .action((from: string, to: string, options: LinkArguments) =>
        setLink(from, to, { isDown }, options),
      )
  }
}

function between(command: Command, purpose: string): Command {
  return command
    .description(purpose)
    .argument('<from>', 'a network')
    .argument('<to>', 'the network at its other end')
    .option('--one-way', 'only the direction from the first to the second')
    .option('--lab <name>', LAB)
}

function setLink(
  from: string,
  to: string,
  change: Partial<LinkQuality>,
  { oneWay, ...options }: LinkArguments,
): Promise<void> {
  return labSetLink({ between: [from, to], ...(oneWay && { oneWay }), change }, options)
}

function addExec(lab: Command): void {
  lab
    .command('exec')
    .argument('<host>', 'its name, or the beginning: mail-1 for mail-1.a.com')
    .argument('[command...]', 'and its arguments, or one word as for a shell (default: bash)')
    .description('run a command on a host: mail, sendmail, mailq, tc, cat, ls, bpsource, bash …')
    .option('-u, --user <name>', 'who runs it (default: root)')
    .option('--lab <name>', LAB)
    .passThroughOptions()
    .addHelpText(
      'after',
      `
Its standard input, output and errors are those of this command. "lightlag lab exec mail-1 help" lists
the commands that a host has.

Examples:
  lightlag lab exec mail-1 'echo Hello | mail -s Greetings user@mail-2.a.com'
  lightlag lab exec mail-2 ls /home/user/Maildir/new
  lightlag lab exec mail-1
  lightlag lab exec mail-2 bpsink ipn:3.2

Exit status: that of the command; 1 where it could not be run, 2 where an option was not understood.`,
    )
    // As docker and ssh have it: a -- before the command is none of its words.
    .action((host: string, [first, ...others]: readonly string[], options: ExecArguments) =>
      labExec(host, first === undefined || first === '--' ? others : [first, ...others], options),
    )
}

function addSend(lab: Command): void {
  lab
    .command('send')
    .argument('<address...>', 'who gets it')
    .description('send a mail whose text is made up, by sendmail on the host of its sender')
    .requiredOption('--from <address>', 'whose it is, and on which host: user@mail-1.a.com')
    .option('--subject <text>', 'its subject', 'from the lab')
    .option('--size <bytes>', 'of its text: 400B, 2MB', size, 100)
    .option('--lab <name>', LAB)
    .addHelpText(
      'after',
      `
Examples:
  lightlag lab send --from user@mail-1.a.com user@mail-2.a.com --size 20kB

Exit status: 0 accepted, 1 it failed, 2 an option was not understood, else that of sendmail.`,
    )
    .action((to: readonly string[], options: SendArguments) => labSend(to, options))
}

function addCapture(lab: Command, exitStatuses: string): void {
  const capture = lab.command('capture').description('write packets for Wireshark')
  capture
    .command('start')
    .description('leave out what was sent before')
    .option('--lab <name>', LAB)
    .addHelpText('after', `\nExamples:\n  lightlag lab capture start\n${exitStatuses}`)
    .action((options: LabOption) => labStartCapture(options))
  capture
    .command('stop')
    .argument('<file>', 'as pcapng')
    .description('write the packets since "capture start", or since the lab began')
    .option('--at <host>', 'as that host saw it (default: as sent, each packet once)')
    .option('--lab <name>', LAB)
    .addHelpText('after', `\nExamples:\n  lightlag lab capture stop run.pcapng\n${exitStatuses}`)
    .action((file: string, options: LabOption & { readonly at?: string }) =>
      labStopCapture(file, options),
    )
  lab
    .command('diagram')
    .description('print a sequence diagram of the same packets')
    .addOption(
      new Option('--detail <much>', 'how much it says').choices(DETAILS).default('messages'),
    )
    .addOption(new Option('--form <form>', 'what it is').choices(SEQUENCE_FORMS).default('text'))
    .option('--host <name...>', 'only what these hosts send and get')
    .addOption(new Option('--protocol <name...>', 'only these protocols').choices(PROTOCOLS))
    .option('--mail <name>', 'only one mail, by queue ID, transaction or Message-ID')
    .option('--lab <name>', LAB)
    .addHelpText(
      'after',
      `
Examples:
  lightlag lab diagram --protocol smtp bp
  lightlag lab diagram --detail packets --form svg >run.svg
${exitStatuses}`,
    )
    .action(labDiagram)
}

function size(text: string): number {
  const bytes = parseSize(text)
  if (bytes === undefined || bytes > SEND_BYTES_MAX) {
    throw new InvalidArgumentError('A size is 400B, 20kB or 2MB, up to 50MiB.')
  }
  return bytes
}

/** As large as mail is anywhere. */
const SEND_BYTES_MAX = 52_428_800

function share(text: string): number {
  const value = parseShare(text)
  if (value === undefined) throw new InvalidArgumentError('A share is from 0% to 100%.')
  return value
}

function rate(text: string): number | 'off' {
  if (text === 'off') return text
  const bytes = text.endsWith('/s') ? parseSize(text.slice(0, -2)) : undefined
  if (!bytes) throw new InvalidArgumentError('A rate is 125kB/s, 2MB/s or off.')
  return bytes
}

function speed(text: string): Speed {
  if (text === 'max') return text
  const value = Number(text)
  if (!/^\d+(\.\d+)?$/.test(text) || value <= 0) {
    throw new InvalidArgumentError('A speed is 1, 0.5, 60 or max.')
  }
  return value
}

/** The option may stand there more than once, each with a port of its own. */
function publish(text: string, before: PublishWish | undefined): PublishWish {
  if (text === 'free' || text === 'none') return { type: text }
  if (/^\d{1,5}$/.test(text)) return { type: 'offset', offset: Number(text) }
  const [, service = '', ours] = /^(.+)=(\d{1,5})$/.exec(text) ?? []
  const [, host, port] = /^([^:]+):(\d{1,5})$/.exec(service) ?? []
  if (host === undefined || Number(ours) > 65_535) {
    throw new InvalidArgumentError(
      'Ports are free, none, a number such as 10000, or mail-1:587=2587.',
    )
  }
  const fixed: FixedPort = { host, port: Number(port), localPort: Number(ours) }
  return { type: 'fixed', ports: [...(before?.type === 'fixed' ? before.ports : []), fixed] }
}
