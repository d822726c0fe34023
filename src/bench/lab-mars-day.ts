/** A day on Mars (24 h 37 min), 20 min away: 100 mails an hour from Earth. */

import { readFileSync } from 'node:fs'
import { fromUtf8 } from '../base/bytes.ts'
import { monoMs } from '../base/time.ts'
import { parseScenario, type Scenario } from '../config/scenario.ts'
import { PromptSettling } from '../host/settle.ts'
import { Capture } from '../lab/capture.ts'
import { Lab } from '../lab/lab.ts'
import { submitMail } from '../lab/mail-user.ts'

export interface MarsDay {
  readonly mails: number
  readonly arrived: number
  readonly events: number
  readonly eventsPerSec: number
  readonly seconds: number
  readonly rssMiB: number
}

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS + 37 * 60_000
const ONE_WAY_MS = 20 * 60_000
const MAILS_AN_HOUR = 100
const SCENARIO = new URL('../../scenarios/earth-moon.yaml', import.meta.url)

export async function runMarsDay(): Promise<MarsDay> {
  const settling = new PromptSettling()
  const startedAt = performance.now()
  let arrived = 0
  const lab = new Lab(scenario(), {
    settle: settling.settle,
    capture: Capture.none(),
    onEvent: ({ host, event }) => {
      if (event.type !== 'mail-delivered' || event.route !== 'local') return
      if (host === 'mail-2.a.com') arrived++
    },
  })
  await lab.start()
  const mails = Math.round((MAILS_AN_HOUR * DAY_MS) / HOUR_MS)
  // The next is due when the one before has been: some thousand timers would be in the way.
  const submitFrom = (i: number): void => {
    if (i === mails) return
    lab.world.at(monoMs((i * HOUR_MS) / MAILS_AN_HOUR), () => {
      submitFrom(i + 1)
      void submit(lab, i)
    })
  }
  submitFrom(0)
  await lab.world.run(monoMs(DAY_MS + 4 * ONE_WAY_MS))
  const seconds = (performance.now() - startedAt) / 1000
  const events = lab.world.eventCount
  await lab.stop()
  settling.end()
  return {
    mails,
    arrived,
    events,
    eventsPerSec: Math.round(events / seconds),
    seconds: Math.round(seconds * 10) / 10,
    rssMiB: Math.round(process.memoryUsage().rss / 1_048_576),
  }
}

function scenario(): Scenario {
  const parsed = parseScenario(readFileSync(SCENARIO, 'utf8'), 'earth-moon.yaml')
  if (!parsed.ok) throw parsed.fault
  const { hosts, links } = parsed.value
  return {
    ...parsed.value,
    links: links.map((link) => ({ ...link, oneWayDelayMs: ONE_WAY_MS })),
    hosts: hosts.map((host) => ({
      ...host,
      plans: host.plans.map((plan) => ({ ...plan, oneWayDelayMs: ONE_WAY_MS })),
    })),
  }
}

async function submit(lab: Lab, i: number): Promise<void> {
  const { machine, options } = lab.host('mail-1.a.com')
  const user = options.users[0]
  const server = options.submission?.listen
  if (user === undefined || server === undefined) throw new Error('nobody can submit mail')
  const text = `Subject: mail ${i}\r\n\r\n${`line of mail ${i}\r\n`.repeat(50)}`
  await submitMail(
    {
      server,
      hostname: 'client.a.com',
      credentials: { user: user.name, password: user.password },
      from: { reversePath: { localPart: user.name, domain: 'mail-1.a.com' }, parameters: {} },
      recipients: [{ localPart: user.name, domain: 'mail-2.a.com' }],
      message: fromUtf8(text),
    },
    machine,
  )
}
