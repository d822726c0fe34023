/** `lightlag lab up`: a scenario comes to life, and stays until somebody ends it. */

import { spawn } from 'node:child_process'
import { appendFileSync, closeSync, openSync, readFileSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Fault } from '../base/fault.ts'
import type { Scenario } from '../config/scenario.ts'
import { ControlService } from '../dtn/control/service.ts'
import { hostClock } from '../host/clock.ts'
import { formatEvent } from '../host/log.ts'
import { hostNetwork } from '../host/network.ts'
import { Happenings } from '../lab/happenings.ts'
import { type Happening, Lab } from '../lab/lab.ts'
import { endOf, formatLine, RECORDING_FORMAT } from '../lab/recording.ts'
import { EXIT, Failure, reasonOf } from './failure.ts'
import { LabDriver, type Speed } from './lab-driver.ts'
import { boundedLog, logsOf } from './lab-log.ts'
import { connectLab, isName, labLog, labSocket, makeLabsFolder } from './lab-places.ts'
import { clientHost, LabPorts, type PublishWish, publishedPorts } from './lab-ports.ts'
import { LabService } from './lab-service.ts'
import { speedText } from './lab-text.ts'
import { readScenario } from './scenario.ts'
import { leaveSoon, signalled } from './signal.ts'
import { version } from './version.ts'

export interface UpArguments {
  readonly scenario: string
  readonly speed: Speed
  readonly name?: string
  readonly seed?: number
  readonly detach?: true
  readonly record?: string
  readonly publish: PublishWish
  readonly client?: string
}

/** In the foreground until SIGINT, SIGTERM or `lab down`. */
export async function labUp(args: UpArguments): Promise<void> {
  const stopped = signalled()
  const { scenario, text } = readScenario(args.scenario)
  const name = args.name ?? scenario.name
  if (!isName(name)) {
    throw new Failure(EXIT.usage, `--name ${name}: letters, digits, - and _ would be right`)
  }
  await requireFree(name)
  if (args.detach) return upInBackground(name)
  const seed = args.seed ?? scenario.seed
  const file = args.record === undefined ? undefined : resolve(args.record)
  if (file !== undefined) startRecording(file, recordingHead(args.scenario, text, seed))
  try {
    const played = { ...scenario, seed }
    const happenings = new Happenings(HAPPENINGS_MAX)
    const lab = newLab(played, logPrinter(name), (happening) => happenings.add(happening))
    await runLab({ lab, played, happenings, name, file, args }, stopped)
  } catch (error) {
    if (error instanceof Fault) throw new Failure(EXIT.failed, `lightlag lab up: ${error.message}`)
    throw error
  } finally {
    leaveSoon()
  }
}

/** As every command that plays a scenario by hand makes it; `print` takes the log. */
export function newLab(
  scenario: Scenario,
  print: (line: string) => void,
  hear: (happening: Happening) => void = () => {},
): Lab {
  const lab: Lab = new Lab(scenario, {
    settle: () => setImmediate(),
    logLines: formatEvent,
    onEvent: (happening) => {
      const { host, event } = happening
      hear(happening)
      const context = { wall: lab.world.wall(), host, pid: process.pid }
      for (const line of formatEvent(event, context)) print(line)
    },
  })
  return lab
}

/** What a slow reader of the log may leave in memory; what comes after it is counted, not kept. */
const UNWRITTEN_BYTES_MAX = 4_194_304

function logPrinter(name: string): (line: string) => void {
  if (IS_IN_BACKGROUND) return boundedLog(labLog(name), LOG_BYTES_MAX)
  let lost = 0
  return (line) => {
    if (process.stdout.writableLength > UNWRITTEN_BYTES_MAX) {
      lost++
      return
    }
    const before = lost === 0 ? '' : `too slow to take ${lost} lines\n`
    lost = 0
    process.stdout.write(`${before}${line}\n`)
  }
}

/** What hosts tell, kept for diagrams of the journeys of mails: those of later mails are not drawn. */
const HAPPENINGS_MAX = 200_000

interface RunningLab {
  readonly lab: Lab
  readonly played: Scenario
  readonly happenings: Happenings
  readonly name: string
  /** Of the recording. */
  readonly file: string | undefined
  readonly args: UpArguments
}

async function runLab(
  { lab, played, happenings, name, file, args }: RunningLab,
  stopped: Promise<void>,
): Promise<void> {
  const client = clientHost(lab, args.client)
  const driver = new LabDriver({
    lab,
    speed: args.speed,
    hear: (output) => {
      if (output.type === 'trouble') {
        process.stderr.write(`${output.host} cannot be started: ${output.fault.message}\n`)
      } else if ('process' in output) service.hear(output)
      else ports.hear(output)
    },
    ...(file !== undefined && { record: (line) => appendFileSync(file, line) }),
  })
  const ports = new LabPorts({
    lab,
    client,
    ports: publishedPorts(lab, args.publish),
    post: (input) => void driver.post(input),
  })
  const end = (): void => driver.stop()
  const service = new LabService({
    lab,
    driver,
    played,
    happenings,
    about: {
      name,
      scenario: args.scenario,
      speed: args.speed,
      ...(file !== undefined && { recording: file }),
    },
    published: (host) => ports.published(host),
    onDown: end,
  })
  const control = new ControlService(
    { host: labSocket(name), port: 0 },
    { network: hostNetwork, clock: hostClock, events: () => {}, node: service },
  )
  try {
    await lab.start()
    await ports.open()
    await control.start()
    process.stdout.write(startText(name, args, service, client))
    process.send?.('up')
    void stopped.then(end)
    await driver.run()
    if (file !== undefined) appendFileSync(file, formatLine({ end: endOf(lab) }))
    await lab.stop()
    // That of a lab that failed stays, and says why.
    if (IS_IN_BACKGROUND) for (const log of logsOf(labLog(name))) rmSync(log, { force: true })
  } finally {
    ports.close()
    await control.stop()
  }
}

function startText(
  name: string,
  { speed, publish }: UpArguments,
  service: LabService,
  client: string | undefined,
): string {
  const { hosts } = service.state()
  const lines = [`lab ${name} is up, ${speedText(speed)}`]
  for (const { host, services } of hosts) {
    for (const { service: what, port, published } of services) {
      if (published !== undefined) lines.push(`  ${published} is ${what} of ${host}, port ${port}`)
    }
  }
  if (publish.type !== 'none') {
    const where = client ?? 'that host itself, for none is without services: --client names another'
    lines.push('  programs must not use TLS, of which the lab has a model only')
    lines.push(`  who connects is, in the lab, on ${where}`)
  }
  return `${lines.join('\n')}\n`
}

/** What a killed lab has left is no lab. */
async function requireFree(name: string): Promise<void> {
  makeLabsFolder()
  const other = await connectLab(name)
  if (other === undefined) return
  other.close()
  const advice = `"lightlag lab down --lab ${name}" ends it, --name gives this one another name`
  throw new Failure(EXIT.failed, `lab ${name} runs already: ${advice}`)
}

export function recordingHead(file: string, scenario: string, seed: number): string {
  return formatLine({ format: RECORDING_FORMAT, version: version(), scenario, file, seed })
}

/** A Failure where the file is there already, or cannot be made. */
export function startRecording(file: string, line: string): void {
  try {
    const descriptor = openSync(file, 'wx', 0o600)
    closeSync(descriptor)
    appendFileSync(file, line)
  } catch (error) {
    const isThere = (error as NodeJS.ErrnoException).code === 'EEXIST'
    const reason = isThere ? 'it is there already' : reasonOf(error)
    throw new Failure(EXIT.failed, `cannot record into ${file}: ${reason}`)
  }
}

const PROGRAM = fileURLToPath(new URL('../../bin/lightlag.js', import.meta.url))

/** The command that was called has started this one, and waits for its word. */
const IS_IN_BACKGROUND = process.send !== undefined

/** Of the log of a lab in the background, and of what was in it before: some days of a busy lab. */
const LOG_BYTES_MAX = 33_554_432

/** The same command once more, without a terminal; it says what it has to say, and goes on. */
async function upInBackground(name: string): Promise<void> {
  const log = labLog(name)
  for (const old of logsOf(log)) rmSync(old, { force: true })
  // To its end, wherever that is: it begins anew when it is full.
  const descriptor = openSync(log, 'a', 0o600)
  const words = process.argv.slice(2).filter((word) => word !== '-d' && word !== '--detach')
  const child = spawn(process.execPath, [...process.execArgv, PROGRAM, ...words], {
    detached: true,
    stdio: ['ignore', descriptor, descriptor, 'ipc'],
  })
  closeSync(descriptor)
  const status = await new Promise<number | 'up'>((done) => {
    child.once('message', () => done('up'))
    child.once('exit', (code) => done(code ?? EXIT.failed))
  })
  const said = readFileSync(log, 'utf8').trimEnd()
  if (status !== 'up') {
    rmSync(log, { force: true })
    throw new Failure(status, said)
  }
  child.disconnect()
  child.unref()
  const start = said.slice(said.indexOf(`lab ${name} is up`))
  process.stdout.write(`${start}\n  its log is ${log}\n`)
}
