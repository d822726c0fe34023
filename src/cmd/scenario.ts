import { formatDuration } from '../base/quantity.ts'
import { wallMs } from '../base/time.ts'
import { parseScenario, type Scenario } from '../config/scenario.ts'
import { scenarioReference } from '../config/scenario-reference.ts'
import { Topology } from '../config/topology.ts'
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
  const { scenario } = readScenario(file)
  const { name, networks, links, hosts, timeline = [] } = scenario
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
  for (const line of endsOfKnowledge(scenario)) process.stdout.write(`${file}: ${line}\n`)
}

/** Where nodes hold bundles for contacts, and stop to know of any, before this time, while there are more. */
export function endsOfKnowledge(
  { links, hosts, startsAt = wallMs(0) }: Scenario,
  beforeMs: number = Number.POSITIVE_INFINITY,
): readonly string[] {
  const topology = new Topology(links, startsAt)
  return links.flatMap(({ between: [a, b] }) => {
    const endMs = topology.openingsEndMs(a, b) ?? topology.openingsEndMs(b, a)
    const knows = hosts.some(({ network, contactPlan }) => contactPlan && [a, b].includes(network))
    if (endMs === undefined || endMs >= beforeMs || !knows) return []
    const unitMs = [DAY_MS, 1000].find((unit) => unit <= endMs) ?? 1
    const until = formatDuration(Math.floor(endMs / unitMs) * unitMs)
    return [
      `the nodes know the first 1000 contacts of ${a} and ${b}, for ${until}; what comes later waits until it expires`,
    ]
  })
}

const DAY_MS = 86_400_000

/** Prints docs/scenario.md. */
export function scenarioReferenceText(): void {
  process.stdout.write(scenarioReference())
}
