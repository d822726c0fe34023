/** `lightlag lab run`: a scenario from its beginning to its end, as fast as it goes, and pictures of it. */

import { setImmediate } from 'node:timers/promises'
import type { Command } from 'commander'
import { addMs, monoMs } from '../base/time.ts'
import { stepLine, tellStep } from '../lab/demo-text.ts'
import { type Happening, Lab, type LabResult } from '../lab/lab.ts'
import { KEPT_HAPPENINGS_MAX } from '../lab/limits.ts'
import { recordingOf } from '../lab/pictures/pictures.ts'
import { resultLines } from '../lab/timeline.ts'
import { EXIT, Failure, told } from './failure.ts'
import { duration, seed } from './numbers.ts'
import {
  addPictureOptions,
  checkPictures,
  PICTURE_HELP,
  type PictureArguments,
  writePictures,
} from './picture-options.ts'
import { readScenario } from './scenario.ts'

interface RunArguments extends PictureArguments {
  readonly for?: number
  readonly seed?: number
  readonly quiet?: true
}

/** How long sessions that nobody needs any more are given to end by themselves. */
const ENDING_MS = 60_000

export function addLabRun(lab: Command, exitStatuses: string): void {
  addPictureOptions(
    lab
      .command('run')
      .argument('<scenario>', 'file of a scenario, as scenarios/starttls.yaml')
      .description('play a scenario to its end as fast as it goes, and draw what happened')
      .option(
        '--for <duration>',
        'as long in virtual time (default: until no mail waits any more)',
        duration,
      )
      .option(
        '--seed <number>',
        'what decides everything random, in place of that of the file',
        seed,
      )
      .option('--quiet', 'print nothing of what happens'),
  )
    .addHelpText(
      'after',
      `${PICTURE_HELP}
What came of each event of its timeline is told at the end, and which mails can never arrive.

Examples:
  lightlag lab run scenarios/ship.yaml
  lightlag lab run scenarios/starttls.yaml --quiet --across --diagram messages
  lightlag lab run scenarios/starttls.yaml --pcapng run.pcapng --svg run.svg --space-time times.svg
${exitStatuses}`,
    )
    .action((scenario: string, args: RunArguments) => labRun(scenario, args))
}

async function labRun(file: string, args: RunArguments): Promise<void> {
  const { scenario: read } = readScenario(file)
  const scenario = args.seed === undefined ? read : { ...read, seed: args.seed }
  checkPictures(
    args,
    scenario.hosts.map(({ host }) => host),
  )
  const print = (line: string): void => {
    if (!args.quiet) process.stdout.write(`${line}\n`)
  }
  const happenings: Happening[] = []
  const lab = new Lab(scenario, {
    settle: () => setImmediate(),
    onEvent: (happening) => {
      if (happenings.length < KEPT_HAPPENINGS_MAX) happenings.push(happening)
      const step = tellStep(happening.event)
      if (step !== undefined) print(stepLine(happening.at, happening.host, step))
    },
  })
  const result = await told(() => play(lab, args.for))
  for (const line of resultLines(result)) print(line)
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
