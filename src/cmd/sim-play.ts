/** `lightlag sim SCENARIO --step` and `lightlag sim --replay FILE`. */

import { appendFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { Fault } from '../base/fault.ts'
import { parseDuration } from '../base/quantity.ts'
import { monoMs } from '../base/time.ts'
import { parseScenario, type Scenario } from '../config/scenario.ts'
import { formatEvent } from '../host/log.ts'
import { LabDesk } from '../lab/desk.ts'
import type { Lab } from '../lab/lab.ts'
import { endOf, formatLine, parseRecording, placeOf, replay, timeText } from '../lab/recording.ts'
import { isOf, type Step, Stepper, stateText } from '../lab/stepper.ts'
import type { HostEvent } from '../ports/events.ts'
import { EXIT, Failure } from './failure.ts'
import { readText } from './files.ts'
import { machineOf } from './lab-service.ts'
import { newLab, recordingHead, startRecording } from './lab-up.ts'
import { readScenario } from './scenario.ts'

export interface PlayArguments {
  readonly step?: true
  readonly replay?: string
  readonly record?: string
  readonly seed?: number
  readonly json?: true
}

export async function play(scenario: string | undefined, options: PlayArguments): Promise<void> {
  if (options.replay !== undefined && scenario === undefined && !options.step) {
    return replayFile(options.replay)
  }
  if (options.step && scenario !== undefined && options.replay === undefined) {
    return stepThrough(scenario, options)
  }
  const message = 'sim: SCENARIO --step, --replay FILE, or a command such as search would be right'
  throw new Failure(EXIT.usage, message)
}

async function replayFile(file: string): Promise<void> {
  const parsed = parseRecording(readText(file), file)
  if (!parsed.ok) throw new Failure(EXIT.usage, parsed.fault.message)
  const { head, inputs, end } = parsed.value
  const scenario = parseScenario(head.scenario, head.file)
  if (!scenario.ok) throw new Failure(EXIT.usage, scenario.fault.message)
  const lab = newLab({ ...scenario.value, seed: head.seed }, () => {})
  try {
    await lab.start()
    const { packets, hash, at } = await replay(lab, parsed.value)
    const seen = `${inputs.length} inputs, ${packets} packets, ${timeText(monoMs(at))}, hash ${hash}`
    const how =
      end === undefined ? 'as far as it was recorded: it has no end' : 'as it was recorded'
    process.stdout.write(`${seen}: ${how}\n`)
  } catch (error) {
    if (error instanceof Fault) throw new Failure(EXIT.failed, `sim --replay: ${error.message}`)
    throw error
  }
}

async function stepThrough(file: string, options: PlayArguments): Promise<void> {
  const { scenario, text } = readScenario(file)
  const chosen: Scenario = { ...scenario, seed: options.seed ?? scenario.seed }
  const record = options.record === undefined ? undefined : resolve(options.record)
  if (record !== undefined) startRecording(record, recordingHead(file, text, chosen.seed))
  let hear: Stepper['hear'] = () => {}
  const lab = newLab(
    chosen,
    () => {},
    (happening) => hear(happening),
  )
  await lab.start()
  const stepper = new Stepper(lab, { lineOf })
  hear = (happening) => stepper.hear(happening)
  const keep = (line: string): void => {
    if (record !== undefined) appendFileSync(record, line)
  }
  const walk = new Walk(lab, stepper, { isJson: options.json === true, keep })
  const lines = createInterface({ input: process.stdin, terminal: false })
  walk.prompt()
  for await (const line of lines) {
    if (!(await walk.obey(line.trim()))) break
    walk.prompt()
  }
  lines.close()
  process.stdin.destroy()
  keep(formatLine({ end: endOf(lab) }))
  process.exitCode = walk.wasWrong ? EXIT.usage : EXIT.ok
}

/** As in the log, without time and host. */
function lineOf(event: HostEvent): string {
  const context = { wall: 0 as never, host: '', pid: 0 }
  return formatEvent(event, context)
    .map((line) => line.replace(/^.*? lightlag\/(\S+)\[0\]: /, '$1: '))
    .join(' | ')
}

const HELP = `step [N]     the next event, or the next N; so does an empty line
to TIME      up to a virtual time, such as 12.5s or 20min
host NAME    until something is seen of a host
until TYPE   until a host tells an event of this type, such as mail-delivered
exec HOST …  run a line of commands on a host; what it does takes steps
state        queues, bundles and packets under way
quit
`

/** Contacts may come again for ever: what is never told must not be waited for without end. */
const SEARCHED_EVENTS = 200_000

const WRITES = { output: 'stdout', errors: 'stderr' } as const

class Walk {
  wasWrong = false
  readonly #lab: Lab
  readonly #stepper: Stepper
  readonly #isJson: boolean
  readonly #keep: (line: string) => void
  readonly #desk: LabDesk
  #processCount = 0

  /** `keep` takes the lines of a recording. */
  constructor(
    lab: Lab,
    stepper: Stepper,
    options: { readonly isJson: boolean; readonly keep: (line: string) => void },
  ) {
    this.#lab = lab
    this.#stepper = stepper
    this.#isJson = options.isJson
    this.#keep = options.keep
    this.#desk = new LabDesk(lab, (output) => {
      if (output.type === 'written') process[WRITES[output.stream]].write(output.bytes)
    })
  }

  prompt(): void {
    if (process.stdin.isTTY) process.stdout.write('step> ')
  }

  /** False where that was all. */
  async obey(line: string): Promise<boolean> {
    const [word = 'step', value] = line === '' ? [] : line.split(/\s+/)
    switch (word) {
      case 'step':
      case 's':
        await this.#steps(value)
        break
      case 'to':
        await this.#to(value)
        break
      case 'host':
        await this.#untilHost(value)
        break
      case 'until':
        await this.#until(value, 'an event such as mail-delivered', ({ told }) =>
          told.some(({ event }) => event.type === value),
        )
        break
      case 'exec':
        await this.#exec(value, line.replace(/^\S+\s+\S+\s*/, ''))
        break
      case 'state':
        this.#tellState()
        break
      case 'help':
        process.stdout.write(HELP)
        break
      case 'quit':
      case 'q':
        return false
      default:
        this.#complain(`${word}: step, to, host, until, exec, state, help or quit would be right`)
    }
    return true
  }

  async #steps(value = '1'): Promise<void> {
    const count = Number(value)
    if (!/^\d+$/.test(value) || count < 1) {
      this.#complain(`step ${value}: a number such as 10 would be right`)
      return
    }
    for (let left = count; left > 0; left--) {
      const step = await this.#stepper.step()
      if (!this.#tell(step)) return
    }
    this.#tellState()
  }

  async #to(value: string | undefined): Promise<void> {
    const atMs = parseDuration(value ?? '')
    const { world } = this.#lab
    if (atMs === undefined || atMs < world.now()) {
      const now = timeText(world.now())
      this.#complain(`to ${value ?? ''}: a time from ${now} on, such as 20min, would be right`)
      return
    }
    while (world.nextAt !== undefined && world.nextAt <= atMs) {
      this.#tell(await this.#stepper.step())
    }
    await world.run(monoMs(atMs))
    this.#tellState()
  }

  /** Begins it: its time passes in the steps that follow. */
  async #exec(name: string | undefined, line: string): Promise<void> {
    const machine = machineOf(this.#lab, name ?? '')
    if (typeof machine === 'string') {
      this.#complain(machine)
      return
    }
    const number = this.#processCount++
    const host = machine.options.host
    for (const input of [
      { type: 'exec', process: number, host, words: ['sh', '-c', line] },
      { type: 'end-input', process: number },
    ] as const) {
      this.#keep(formatLine({ ...placeOf(this.#lab), input }))
      this.#desk.apply(input)
      await this.#lab.world.run(() => true)
    }
    this.#tellState()
  }

  async #until(
    value: string | undefined,
    what: string,
    isIt: (step: Step) => boolean,
  ): Promise<void> {
    if (value === undefined) {
      this.#complain(`until what? ${what} would be right`)
      return
    }
    let step = await this.#stepper.step()
    for (let left = SEARCHED_EVENTS; step !== undefined && !isIt(step); left--) {
      if (left === 1) {
        this.#complain(`${value}: not in ${SEARCHED_EVENTS} events; the same again goes on`)
        break
      }
      step = await this.#stepper.step()
    }
    this.#tell(step)
    this.#tellState()
  }

  async #untilHost(name: string | undefined): Promise<void> {
    const machine = name === undefined ? undefined : machineOf(this.#lab, name)
    if (typeof machine === 'string') this.#complain(machine)
    else await this.#until(name, 'a host', (step) => isOf(step, machine?.options.host ?? ''))
  }

  /** False where nothing was left to happen. */
  #tell(step: Step | undefined): boolean {
    if (this.#isJson) {
      if (step !== undefined) process.stdout.write(`${JSON.stringify(jsonOf(step))}\n`)
    } else {
      const text = step === undefined ? 'nothing is left to happen\n' : this.#stepper.text(step)
      process.stdout.write(text)
    }
    return step !== undefined
  }

  #tellState(): void {
    const { state } = this.#stepper
    process.stdout.write(this.#isJson ? `${JSON.stringify({ state })}\n` : stateText(state))
  }

  #complain(message: string): void {
    this.wasWrong = true
    process.stderr.write(`${message}\n`)
  }
}

/** Without the octets of packets. */
function jsonOf({ arrived, sent, ...step }: Step): object {
  const plain = ({ payload, ...packet }: Step['sent'][number]): object => ({
    ...packet,
    payloadBytes: payload.length,
  })
  return { ...step, arrived: arrived.map(plain), sent: sent.map(plain) }
}
