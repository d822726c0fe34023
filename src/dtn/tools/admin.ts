import { fromUtf8, toUtf8 } from '../../base/bytes.ts'
import type { AdminProgram } from '../control/message.ts'
import { InputLines } from './lines.ts'
import { printLine, type Tool, type ToolPorts } from './tool.ts'

/** Gives a running node the lines of a file, or of standard input with a prompt before each. */
export function adminTool(program: AdminProgram): Tool {
  return {
    usage: `Usage: ${program} [<commands filename>]\n`,
    usageOn: 'output',
    parse: (args) => {
      const [file] = args
      if (args.length > 1) return undefined
      return {
        own: undefined,
        run: async (ports) => {
          if (file === undefined) await converse(program, ports)
          else await carryOut(program, await readFile(file, ports), ports)
          printLine(ports, `Stopping ${program}.`)
          return 0
        },
      }
    },
  }
}

async function converse(program: AdminProgram, ports: ToolPorts): Promise<void> {
  const lines = new InputLines(ports)
  for (;;) {
    ports.output(fromUtf8(': '))
    const line = await lines.next()
    if (line === undefined || !(await perform(program, toUtf8(line), ports))) return
  }
}

async function carryOut(program: AdminProgram, text: string, ports: ToolPorts): Promise<void> {
  for (const line of text.split(/\r?\n/)) {
    if (!(await perform(program, line, ports))) return
  }
}

/** Whether more may follow: a `q` ends a file as well. */
async function perform(program: AdminProgram, line: string, ports: ToolPorts): Promise<boolean> {
  const command = line.trim()
  if (command === '' || command.startsWith('#')) return true
  if (command.startsWith('q')) return false
  for (const answer of await ports.client.admin(program, line)) printLine(ports, answer)
  return true
}

async function readFile(file: string, { disk, directory }: ToolPorts): Promise<string> {
  const reader = await disk.open(file.startsWith('/') ? file : `${directory}/${file}`)
  try {
    return toUtf8(await reader.read(0, reader.sizeBytes))
  } finally {
    await reader.close()
  }
}
