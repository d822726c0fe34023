import { parseScenario, type Scenario } from '../config/scenario.ts'
import { scenarioReference } from '../config/scenario-reference.ts'
import { EXIT, Failure } from './failure.ts'
import { readBeside, readText } from './files.ts'

export interface ScenarioFile {
  readonly scenario: Scenario
  readonly text: string
}

/** With the files that it names; a Failure lists what is wrong in it. */
export function readScenario(file: string): ScenarioFile {
  const text = readText(file)
  const parsed = parseScenario(text, file, readBeside)
  if (!parsed.ok) throw new Failure(EXIT.usage, parsed.fault.message)
  return { scenario: parsed.value, text }
}

/** Says what is in it; a Failure lists what is wrong in it. */
export function scenarioCheck(file: string): void {
  const { name, networks, links, hosts, timeline = [] } = readScenario(file).scenario
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
