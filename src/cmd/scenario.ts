import { parseScenario, type Scenario } from '../config/scenario.ts'
import { scenarioReference } from '../config/scenario-reference.ts'
import { resultLines } from '../lab/timeline.ts'
import { EXIT, Failure } from './failure.ts'
import { readBeside, readText } from './files.ts'
import { newLab } from './lab-up.ts'

/** With the files that it names; a Failure lists what is wrong in it. */
export function readScenario(file: string): Scenario {
  const parsed = parseScenario(readText(file), file, readBeside)
  if (!parsed.ok) throw new Failure(EXIT.usage, parsed.fault.message)
  return parsed.value
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

/** Plays its timeline and prints what came of it; a Failure where something did not come about. */
export async function scenarioPlay(file: string): Promise<void> {
  const lab = newLab(readScenario(file), () => {})
  await lab.start()
  const result = await lab.play()
  await lab.stop()
  process.stdout.write(
    resultLines(result)
      .map((line) => `${line}\n`)
      .join(''),
  )
  const failed = result.outcomes.filter(({ ok }) => !ok).length
  if (failed + result.stuck.length === 0) return
  const counts = `${failed} of ${result.outcomes.length} events failed, ${result.stuck.length} mails wait for ever`
  throw new Failure(EXIT.failed, `lightlag scenario play ${file}: ${counts}`)
}

/** Prints docs/scenario.md. */
export function scenarioReferenceText(): void {
  process.stdout.write(scenarioReference())
}
