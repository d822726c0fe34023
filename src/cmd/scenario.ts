import { readFileSync } from 'node:fs'
import { dirname, isAbsolute, join } from 'node:path'
import type { ReadFile } from '../config/ion/read.ts'
import { parseScenario, type Scenario } from '../config/scenario.ts'
import { scenarioReference } from '../config/scenario-reference.ts'
import { EXIT, Failure, reasonOf } from './failure.ts'
import { readText } from './files.ts'

/** With the files that it names; a Failure lists what is wrong in it. */
export function readScenario(file: string): Scenario {
  const parsed = parseScenario(readText(file), file, readBeside)
  if (!parsed.ok) throw new Failure(EXIT.usage, parsed.fault.message)
  return parsed.value
}

/** A relative name is one in the folder of the file that has it. */
export const readBeside: ReadFile = (name, from) => {
  const file = isAbsolute(name) ? name : join(dirname(from), name)
  try {
    return { file, text: readFileSync(file, 'utf8') }
  } catch (error) {
    return { file, reason: reasonOf(error) }
  }
}

/** Says what is in it; a Failure lists what is wrong in it. */
export function scenarioCheck(file: string): void {
  const { name, networks, links, hosts, timeline = [] } = readScenario(file)
  const parts = [
    [networks, 'network'],
    [links, 'link'],
    [hosts, 'host'],
    [timeline, 'event'],
  ] as const
  const counts = parts.map(
    ([list, what]) => `${list.length} ${what}${list.length === 1 ? '' : 's'}`,
  )
  process.stdout.write(`${file}: ${name}, ${counts.join(', ')}\n`)
}

/** Prints docs/scenario.md. */
export function scenarioReferenceText(): void {
  process.stdout.write(scenarioReference())
}
