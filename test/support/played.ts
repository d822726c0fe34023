import { readFileSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { addMs } from '../../src/base/time.ts'
import { parseScenario, type Scenario } from '../../src/config/scenario.ts'
import { type Happening, Lab } from '../../src/lab/lab.ts'
import { type Recording, recordingOf } from '../../src/lab/pictures/pictures.ts'

/** The scenario of this name. */
export function scenarioNamed(name: string): Scenario {
  const path = `scenarios/${name}.yaml`
  const parsed = parseScenario(readFileSync(path, 'utf8'), path)
  if (!parsed.ok) throw parsed.fault
  return parsed.value
}

/** What there is of a scenario whose timeline has been played, and a minute more. */
export async function played(scenario: Scenario): Promise<Recording> {
  const happenings: Happening[] = []
  const lab = new Lab(scenario, {
    settle: () => setImmediate(),
    onEvent: (happening) => happenings.push(happening),
  })
  await lab.start()
  const { outcomes } = await lab.play()
  for (const { ok, text } of outcomes) if (!ok) throw new Error(text)
  await lab.world.run(addMs(lab.world.now(), 60_000))
  await lab.stop()
  return recordingOf(lab, scenario, { kept: happenings, cut: 0 })
}
