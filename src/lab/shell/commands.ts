/** The commands of a host of the lab, by name; ION's tools are found behind them. */

import { formatLogTime } from '../../base/calendar.ts'
import { parseDuration } from '../../base/quantity.ts'
import { TOOL_PURPOSES } from '../../dtn/tools/purposes.ts'
import { pause } from '../../dtn/tools/tool.ts'
import { ionTool } from '../process.ts'
import { type Command, complain, say } from './command.ts'
import { cat, cd, echo, ls, pwd } from './file-commands.ts'
import { mailCommand, mailqCommand, sendmailCommand } from './mail-commands.ts'
import { tc } from './tc.ts'

const NOT_UNDERSTOOD = 2

const sleep: Command = async ([text = ''], io, { host }) => {
  const durationMs = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : parseDuration(text)
  if (durationMs === undefined) {
    complain(io, `sleep: invalid time interval '${text}': seconds, or 500ms, 2min would be right`)
    return NOT_UNDERSTOOD
  }
  await pause(host.clock, durationMs)
  return 0
}

const help: Command = async (_, io) => {
  const names = [...Object.keys(COMMANDS), 'bash', 'exit'].sort()
  say(
    io,
    `Commands: ${names.join(' ')}\nION's: ${Object.keys(TOOL_PURPOSES).join(' ')}
There are quotes, pipes, ;, &&, ||, <, >, >>, 2>, <<EOF, ~, * and ?, and no variables, functions or
commands in the background.\n`,
  )
  return 0
}

export const COMMANDS: Readonly<Record<string, Command>> = {
  cat,
  cd,
  date: async (_, io, { host }) => {
    say(io, `${formatLogTime(host.clock.wall())} UTC\n`)
    return 0
  },
  echo,
  false: async () => 1,
  help,
  hostname: async (_, io, { host }) => {
    say(io, `${host.machine.name}\n`)
    return 0
  },
  ls,
  mail: mailCommand,
  mailq: mailqCommand,
  newaliases: async () => 0,
  pwd,
  sendmail: sendmailCommand,
  sleep,
  tc,
  true: async () => 0,
  whoami: async (_, io, { user }) => {
    say(io, `${user}\n`)
    return 0
  },
}

/** Those that hear Ctrl-C themselves, in order to close what they have open. */
export function isIonTool(name: string): boolean {
  return Object.hasOwn(TOOL_PURPOSES, name)
}

/** What `name` stands for; ION's own words where there is nothing of that name. */
export function commandOf(name: string): Command {
  const plain = name.replace(/^\/(?:usr\/)?(?:local\/)?s?bin\//, '')
  const command = Object.hasOwn(COMMANDS, plain) ? COMMANDS[plain] : undefined
  return (
    command ??
    ((args, io, { host, directory }) => ionTool([plain, ...args], { ...host, directory })(io))
  )
}
