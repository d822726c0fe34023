import { setImmediate } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { asFault } from '../base/fault.ts'
import { formatDuration } from '../base/quantity.ts'
import { isAnswerInTime } from '../config/host.ts'
import type { Scenario } from '../config/scenario.ts'
import { runDemo } from '../lab/demo.ts'
import { EXIT, Failure } from './failure.ts'
import { readBytes } from './files.ts'
import type { PictureArguments } from './picture-options.ts'
import { readScenario } from './scenario.ts'
import { checkPictures, writePictures } from './write-pictures.ts'

export interface DemoArguments extends PictureArguments {
  readonly message: string | undefined
  readonly scenario: string | undefined
  readonly delayMs: number | undefined
  readonly loss: number | undefined
  readonly seed: number | undefined
}

const PROJECT = new URL('../../', import.meta.url)

/** Runs the main job in virtual time and prints it; a Failure where a mail does not arrive. */
export async function demo(args: DemoArguments): Promise<void> {
  const scenario = changed(scenarioOf(args.scenario), args)
  const message = args.message ?? fileURLToPath(new URL('examples/hello.eml', PROJECT))
  checkPictures(
    args,
    scenario.hosts.map(({ host }) => host),
  )
  try {
    const recording = await runDemo({
      scenario,
      message: withNetworkLineEnds(readBytes(message)),
      settle: () => setImmediate(),
      print: (line) => process.stdout.write(`${line}\n`),
    })
    writePictures(recording, args)
  } catch (error) {
    if (error instanceof Failure) throw error
    throw new Failure(EXIT.failed, `lightlag demo: ${asFault(error).message}`)
  }
}

function scenarioOf(file: string | undefined): Scenario {
  const path = file ?? fileURLToPath(new URL('scenarios/earth-moon.yaml', PROJECT))
  return readScenario(path).scenario
}

/** A delay that the scenario's queues have no patience for. */
function checkDelay({ hosts }: Scenario, delayMs: number): void {
  const giveUpAfterMs = Math.min(...hosts.map(({ retry }) => retry.giveUpAfterMs))
  if (isAnswerInTime(delayMs, giveUpAfterMs)) return
  const [delay, patience] = [formatDuration(delayMs), formatDuration(giveUpAfterMs)]
  throw new Failure(
    EXIT.usage,
    `lightlag demo: --delay ${delay}: the queue gives up after ${patience}; less than half of that would be right`,
  )
}

/** The scenario with what the command line says of its links. */
function changed(scenario: Scenario, { delayMs, loss, seed }: DemoArguments): Scenario {
  const delay = delayMs === undefined ? {} : { oneWayDelayMs: delayMs }
  if (delayMs !== undefined) checkDelay(scenario, delayMs)
  return {
    ...scenario,
    ...(seed !== undefined && { seed }),
    links: scenario.links.map((link) => ({
      ...link,
      ...delay,
      ...(loss !== undefined && { lossShare: loss }),
    })),
    hosts: scenario.hosts.map((host) => ({
      ...host,
      plans: host.plans.map((plan) => ({ ...plan, ...delay })),
    })),
  }
}

/** A file on this machine ends its lines with LF, a message on its way with CRLF. */
function withNetworkLineEnds(bytes: Uint8Array): Uint8Array {
  const text = Buffer.from(bytes).toString('latin1')
  const lines = text.replace(/\r?\n/g, '\r\n')
  return Buffer.from(lines.endsWith('\r\n') ? lines : `${lines}\r\n`, 'latin1')
}
