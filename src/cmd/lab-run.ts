/** `lightlag lab run`: a scenario from its beginning to its end, as fast as it goes, and pictures of it. */

import { setImmediate } from 'node:timers/promises'
import { addMs, monoMs } from '../base/time.ts'
import { stepLine, tellStep } from '../lab/demo-text.ts'
import { Happenings } from '../lab/happenings.ts'
import { Lab, type LabResult } from '../lab/lab.ts'
import { KEPT_HAPPENINGS_MAX } from '../lab/limits.ts'
import { recordingOf } from '../lab/pictures/pictures.ts'
import { resultLines } from '../lab/timeline.ts'
import { EXIT, Failure, told } from './failure.ts'
import type { PictureArguments } from './picture-options.ts'
import { endsOfKnowledge, readScenario } from './scenario.ts'
import { checkPictures, writePictures } from './write-pictures.ts'

export interface RunArguments extends PictureArguments {
  readonly for?: number
  readonly seed?: number
  readonly quiet?: true
}

/** How long sessions that nobody needs any more are given to end by themselves. */
const ENDING_MS = 60_000

export async function labRun(file: string, args: RunArguments): Promise<void> {
  const { scenario: read } = readScenario(file)
  const scenario = args.seed === undefined ? read : { ...read, seed: args.seed }
  checkPictures(
    args,
    scenario.hosts.map(({ host }) => host),
  )
  const print = (line: string): void => {
    if (!args.quiet) process.stdout.write(`${line}\n`)
  }
  const happenings = new Happenings(KEPT_HAPPENINGS_MAX)
  const lab = new Lab(scenario, {
    settle: () => setImmediate(),
    onEvent: (happening) => {
      happenings.add(happening)
      const step = tellStep(happening.event)
      if (step !== undefined) print(stepLine(happening.at, happening.host, step))
    },
  })
  const result = await told(() => play(lab, args.for))
  for (const line of resultLines(result)) print(line)
  for (const line of endsOfKnowledge(scenario, lab.world.now())) {
    process.stderr.write(`${file}: ${line}\n`)
  }
  writePictures(recordingOf(lab, scenario, happenings), args)
  const failed = result.outcomes.filter(({ ok }) => !ok)
  if (failed.length + result.stuck.length === 0) return
  const lines = resultLines({ outcomes: failed, stuck: result.stuck }).map((line) => line.trim())
  throw new Failure(EXIT.failed, `lightlag lab run ${file}: ${lines.join('; ')}`)
}

async function play(lab: Lab, forMs: number | undefined): Promise<LabResult> {
  await lab.start()
  if (forMs === undefined) {
    const result = await lab.play()
    await lab.world.run(addMs(lab.world.now(), ENDING_MS))
    await lab.stop()
    return result
  }
  await lab.world.run(monoMs(forMs))
  await lab.stop()
  return { outcomes: lab.timeline.outcomes, stuck: [] }
}
