import { fromUtf8, toUtf8 } from '../../base/bytes.ts'
import type { AdminAnswer, AdminProgram } from '../control/message.ts'
import { readWhole } from './files.ts'
import { InputLines } from './lines.ts'
import { printLine, type Tool, type ToolPorts } from './tool.ts'

/**
 * Gives a running node the lines of a file, or of standard input with a prompt before each. The exit
 * status is 1 where a line was refused; also where it was asked whether a node runs, which is ION's yes.
 */
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
          const source =
            file === undefined
              ? { file: 'standard input', lines: new InputLines(ports), prompt: ': ' }
              : { file, lines: linesOf(await readWhole(file, ports)), prompt: '' }
          const status = await carryOut(program, source, ports)
          printLine(ports, `Stopping ${program}.`)
          return status
        },
      }
    },
  }
}

interface Source {
  readonly file: string
  readonly lines: InputLines
  readonly prompt: string
}

async function carryOut(program: AdminProgram, source: Source, ports: ToolPorts): Promise<number> {
  const { file, lines, prompt } = source
  let status = 0
  for (let number = 1; ; number++) {
    ports.output(fromUtf8(prompt))
    const line = await lines.next()
    if (line === undefined) return status
    const answer: AdminAnswer = await ports.client.admin({
      program,
      file,
      number,
      text: toUtf8(line),
    })
    for (const text of answer.lines) printLine(ports, text)
    if (answer.outcome === 'quit') return status
    if (answer.outcome === 'started') return 1
    if (answer.outcome === 'refused') status = 1
  }
}

function linesOf(text: Uint8Array): InputLines {
  let rest: Uint8Array | undefined = text
  return new InputLines({
    input: async () => {
      const bytes = rest
      rest = undefined
      return bytes
    },
    interrupted: new Promise(() => {}),
  })
}
