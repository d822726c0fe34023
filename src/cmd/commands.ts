/** Every command: what `lightlag --help` says of it, and where the rest is. */

import type { Command } from 'commander'
import { TOOL_PURPOSES } from '../dtn/tools/purposes.ts'

export interface CommandEntry {
  readonly about: string
  /** Loading takes from a tenth of a second to one: only the command that is run is worth that. */
  readonly load: () => Promise<AddCommands>
}

/** `exitStatuses` ends every help text; `configOf` misses an option that several need. */
export type AddCommands = (
  program: Command,
  exitStatuses: string,
  configOf: (options: { readonly config?: string }, command: Command) => string,
) => void

const host = async (): Promise<AddCommands> => (await import('./host-commands.ts')).addHostCommands
const mail = async (): Promise<AddCommands> => (await import('./mail-commands.ts')).addMailCommands
const mailbox = async (): Promise<AddCommands> =>
  (await import('./mailbox-commands.ts')).addMailboxCommands
const ion = async (): Promise<AddCommands> => (await import('./ion/commands.ts')).addIonCommands

export const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  demo: {
    about: 'carry a mail across a slow link and its answer back, in virtual time',
    load: async () => (await import('./demo-command.ts')).addDemoCommand,
  },
  serve: { about: 'run one host on real sockets and files until SIGINT or SIGTERM', load: host },
  'client-config': {
    about: 'print what mail programs configure themselves from: autoconfig, SRV, mobileconfig',
    load: host,
  },
  scenario: {
    about: 'read scenarios of the lab',
    load: async () => (await import('./scenario-commands.ts')).addScenarioCommands,
  },
  rc: { about: "read and write ION's configuration files", load: ion },
  node: { about: 'look at a running node', load: ion },
  certificate: {
    about: 'make and look at certificates for TLS',
    load: async () => (await import('./certificate-commands.ts')).addCertificateCommands,
  },
  user: {
    about: 'who has a mailbox on a host',
    load: async () => (await import('./user-commands.ts')).addUserCommands,
  },
  dkim: {
    about: 'the keys that a host signs mail with',
    load: async () => (await import('./dkim-commands.ts')).addDkimCommands,
  },
  queue: { about: "look at a running host's mail and decide on it", load: mail },
  mailq: { about: 'list what waits, as Postfix does: * is under way, ! is held', load: mail },
  trace: {
    about: 'tell the story of a mail, on the host that sent it or on the one that got it',
    load: mail,
  },
  sendmail: {
    about: 'hand in a mail from standard input, as of old: -t -i -f -F -N -R -V -bs -bp -q',
    load: mail,
  },
  mail: {
    about: 'write a mail, whose text comes from standard input, or look at your mailbox',
    load: mail,
  },
  carry: {
    about: 'take mail to another host on a stick, and bring what came on one',
    load: async () => (await import('./carry.ts')).addCarryCommands,
  },
  mailbox: { about: 'messages into a mailbox, and out of one', load: mailbox },
  deliver: {
    about: 'put a mail from standard input into a mailbox, for Postfix and .forward files',
    load: mailbox,
  },
  fault: {
    about: 'have a running host refuse and delay mail on purpose, to test mail programs with',
    load: async () => (await import('./fault-commands.ts')).addFaultCommands,
  },
  lab: {
    about: 'run a scenario, and control it while it runs',
    load: async () => (await import('./lab-commands.ts')).addLabCommands,
  },
  sim: {
    about: 'run worlds of the lab again and again, in virtual time',
    load: async () => (await import('./sim-commands.ts')).addSimCommands,
  },
  experiment: {
    about: 'measure in the lab what delay, loss and contacts do to mail',
    load: async () => (await import('./experiment-commands.ts')).addExperimentCommands,
  },
  links: {
    about: 'make commands such as sendmail that can be called by their own names',
    load: host,
  },
  ...Object.fromEntries(
    Object.entries(TOOL_PURPOSES).map(([name, purpose]) => [
      name,
      { about: `${purpose} (as ION's ${name})`, load: ion },
    ]),
  ),
}
