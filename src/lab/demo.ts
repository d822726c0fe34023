/**
 * The main job, shown: a mail crosses the gap, is read on the other side and answered, and the
 * answer comes back.
 */

import { equalBytes, fromLatin1 } from '../base/bytes.ts'
import { Fault } from '../base/fault.ts'
import type { MonoMs } from '../base/time.ts'
import type { Scenario } from '../config/scenario.ts'
import { HeaderReader } from '../proto/message/header.ts'
import type { Mailbox } from '../proto/smtp/envelope.ts'
import { formatMailbox } from '../proto/smtp/path.ts'
import { isPositive } from '../proto/smtp/reply.ts'
import { crossingsOf } from './crossing.ts'
import { formatTable, linkText, stepLine, tellStep } from './demo-text.ts'
import type { LabFaultCode } from './fault.ts'
import { type Happening, Lab } from './lab.ts'
import { HOMES, type LabMachine } from './machine.ts'
import { fetchMail, submitMail } from './mail-user.ts'
import { drawSequence, type Recording, recordingOf } from './pictures/pictures.ts'

export interface DemoOptions {
  readonly scenario: Scenario
  /** Its lines end in CRLF. */
  readonly message: Uint8Array
  readonly settle: () => Promise<void>
  /** Hears each line of output as it comes about. */
  readonly print: (line: string) => void
}

/** Protocols of the diagram: how their connections open and close is left out. */
const SHOWN = ['SMTP', 'POP3', 'BP', 'TCPCL', 'STCP', 'MTCP'] as const

/** Resolves with what happened. Rejects with a Fault that says what did not work. */
export async function runDemo(options: DemoOptions): Promise<Recording> {
  const { scenario, print } = options
  const happenings: Happening[] = []
  const lab = new Lab(scenario, {
    settle: options.settle,
    onEvent: (happening) => {
      happenings.push(happening)
      const told = tellStep(happening.event)
      if (told !== undefined) print(stepLine(happening.at, happening.host, told))
    },
  })
  const [here, there] = lab.hosts
  if (here === undefined || there === undefined) throw failed('the scenario has no two hosts')
  print(
    `Scenario ${scenario.name}, seed ${scenario.seed}: ${scenario.links.map(linkText).join('; ')}`,
  )
  print('')
  await lab.start()
  const say = (host: LabMachine, text: string): void =>
    print(stepLine(lab.world.now(), host.options.host, text))
  const journey = new Journey(lab, happenings, say)
  const mail = await journey.carry(here, there, options.message)
  const answer = await journey.carry(there, here, answerTo(mail.fetched, there, here))
  await journey.acknowledged(mail)
  await journey.acknowledged(answer)
  await journey.nothingTwice([here, there])
  await lab.stop()
  print('')
  const recording = recordingOf(lab, scenario, { kept: happenings, cut: 0 })
  print(drawSequence(recording, 'messages', 'mermaid', { protocols: SHOWN }))
  for (const line of summary([mail, answer], lab, happenings)) print(line)
  return recording
}

/** One mail from the hands of one user into those of the other. */
interface Carried {
  readonly queueId: string
  readonly from: LabMachine
  readonly to: LabMachine
  readonly submittedAt: MonoMs
  readonly deliveredAt: MonoMs
  readonly path: string
  /** As POP3 gave it out. */
  readonly fetched: Uint8Array
}

class Journey {
  readonly #lab: Lab
  readonly #happenings: readonly Happening[]
  readonly #say: (host: LabMachine, text: string) => void

  constructor(
    lab: Lab,
    happenings: readonly Happening[],
    say: (host: LabMachine, text: string) => void,
  ) {
    this.#lab = lab
    this.#happenings = happenings
    this.#say = say
  }

  async carry(from: LabMachine, to: LabMachine, message: Uint8Array): Promise<Carried> {
    const submittedAt = this.#lab.world.now()
    const queueId = await this.#submit(from, to, message)
    const { at, detail } = await this.#delivered(to, queueId)
    const fetched = await this.#fetch(to, message)
    return { queueId, from, to, submittedAt, deliveredAt: at, path: detail, fetched }
  }

  /** Until the sender's queue has let go of the mail. */
  async acknowledged({ from, queueId }: Carried): Promise<void> {
    await this.#until(
      ({ host, event }) =>
        host === from.options.host && event.type === 'mail-removed' && event.queueId === queueId,
      `the acknowledgement of ${queueId}`,
    )
  }

  /** Looks into the mailboxes themselves. */
  async nothingTwice(hosts: readonly LabMachine[]): Promise<void> {
    for (const { disk, options } of hosts) {
      const [user] = options.users
      const folders = ['new', 'cur'].map((name) => `${HOMES}/${user?.name}/Maildir/${name}`)
      const kept = await this.#lab.perform(Promise.all(folders.map((path) => disk.list(path))))
      const count = kept.flat().length
      if (count !== 1) throw failed(`${options.host} holds ${count} mails, not 1`)
    }
  }

  async #submit(from: LabMachine, to: LabMachine, message: Uint8Array): Promise<string> {
    const { submission } = from.options
    if (submission === undefined) throw failed(`${from.options.host} has no submission service`)
    const replies = await this.#lab.perform(
      submitMail(
        {
          server: submission.listen,
          hostname: from.options.host,
          credentials: userOf(from),
          from: { reversePath: mailboxOf(from), parameters: {} },
          recipients: [mailboxOf(to)],
          message,
        },
        portsOf(from),
      ),
    )
    const [reply] = replies
    const said = reply === undefined ? 'nothing' : `${reply.code} ${reply.lines.join(' ')}`
    if (reply === undefined || !isPositive(reply))
      throw failed(`the submission was answered: ${said}`)
    const accepted = this.#happenings.findLast(
      ({ host, event }) => host === from.options.host && event.type === 'mail-accepted',
    )?.event
    return accepted?.type === 'mail-accepted' ? accepted.queueId : ''
  }

  async #delivered(
    to: LabMachine,
    queueId: string,
  ): Promise<{ readonly at: MonoMs; readonly detail: string }> {
    const seen = this.#happenings.length
    const { at, event } = await this.#until(
      ({ host, event }) =>
        host === to.options.host && event.type === 'mail-delivered' && event.route === 'local',
      `the delivery of ${queueId} at ${to.options.host}`,
      seen,
    )
    return { at, detail: event.type === 'mail-delivered' ? event.detail : '' }
  }

  /** The one mail in the maildrop, which has to be `message` with fields put before it. */
  async #fetch(at: LabMachine, message: Uint8Array): Promise<Uint8Array> {
    const mails = await this.#lab.perform(fetchMail(pop3Of(at), userOf(at), portsOf(at)))
    const fetched = mails[0]?.message
    if (mails.length !== 1 || fetched === undefined) {
      throw failed(`POP3 at ${at.options.host} gave out ${mails.length} mails, not 1`)
    }
    const end = fetched.subarray(fetched.length - message.length)
    if (!equalBytes(end, message))
      throw failed(`the mail at ${at.options.host} was changed on its way`)
    this.#say(
      at,
      `fetched over POP3: ${fetched.length} B, of which the last ${message.length} B are the message as it was sent`,
    )
    return fetched
  }

  async #until(
    wanted: (happening: Happening) => boolean,
    what: string,
    from = 0,
  ): Promise<Happening> {
    let next = from
    let found: Happening | undefined
    let lost: Happening | undefined
    await this.#lab.world.run(() => {
      for (; next < this.#happenings.length && found === undefined; next++) {
        const happening = this.#happenings[next] as Happening
        if (wanted(happening)) found = happening
        if (happening.event.type === 'mail-failed') lost = happening
      }
      return found !== undefined || lost !== undefined
    })
    if (found !== undefined) return found
    const reason = lost?.event.type === 'mail-failed' ? lost.event.reason : 'nothing more happens'
    throw failed(`waiting for ${what}: ${reason}`)
  }
}

/** What it took, a row for each mail. */
function summary(
  mails: readonly Carried[],
  lab: Lab,
  happenings: readonly Happening[],
): readonly string[] {
  const crossings = crossingsOf(lab.network.capture.packets)
  const rows = mails.map((mail) => {
    const attempts = attemptsOf(mail, happenings)
    const crossing = crossings.get(attempts.transaction)
    const elapsedMs = mail.deliveredAt - mail.submittedAt
    return [
      `${mail.from.options.host} to ${mail.to.options.host}`,
      mail.path,
      `${crossing?.mailWireBytes ?? 0} B`,
      `${crossing?.acknowledgementWireBytes ?? 0} B`,
      `${(elapsedMs / 1000).toFixed(3)} s`,
      String(attempts.untilDelivered - 0.5),
      String(attempts.untilAcknowledged),
    ]
  })
  const head = [
    'mail',
    'path',
    'bytes on the wire',
    'acknowledgements',
    'elapsed',
    'round trips until delivered',
    'until acknowledged',
  ]
  return formatTable([head, ...rows])
}

interface Attempts {
  readonly transaction: string
  /** Flights of the mail, up to the one that was delivered. */
  readonly untilDelivered: number
  /** And up to the one whose acknowledgement came back. */
  readonly untilAcknowledged: number
}

function attemptsOf(mail: Carried, happenings: readonly Happening[]): Attempts {
  const { queueId, deliveredAt } = mail
  const own = happenings.filter(({ event }) => 'queueId' in event && event.queueId === queueId)
  const sent = own.find(({ event }) => event.type === 'transaction-sent')?.event
  // A flight that set out less than a delay before the delivery cannot be the one delivered.
  const resentAt = own.flatMap(({ at, event }) => (event.type === 'transaction-resent' ? [at] : []))
  const delayMs = mail.from.options.plans[0]?.oneWayDelayMs ?? 0
  const delivering = resentAt.filter((at) => at + delayMs <= deliveredAt).length
  return {
    transaction: sent?.type === 'transaction-sent' ? sent.transaction : '',
    untilDelivered: 1 + delivering,
    untilAcknowledged: 1 + resentAt.length,
  }
}

/** What the recipient writes back. */
function answerTo(received: Uint8Array, from: LabMachine, to: LabMachine): Uint8Array {
  const header = new HeaderReader()
  header.push(received)
  const fieldValue = (name: string): string | undefined =>
    header.fields.find((field) => field.name === name)?.value
  const subject = fieldValue('subject') ?? 'your mail'
  const messageId = fieldValue('message-id')
  const lines = [
    `From: <${formatMailbox(mailboxOf(from))}>`,
    `To: <${formatMailbox(mailboxOf(to))}>`,
    `Subject: Re: ${subject}`,
    ...(messageId === undefined ? [] : [`In-Reply-To: ${messageId}`, `References: ${messageId}`]),
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    '',
    'Your mail has arrived. Here is the answer.',
    '',
  ]
  // The values are bytes, whatever their charset.
  return fromLatin1(lines.join('\r\n'))
}

function userOf(host: LabMachine): { readonly user: string; readonly password: string } {
  const [user] = host.options.users
  if (user === undefined) throw failed(`${host.options.host} has no user`)
  return { user: user.name, password: user.password }
}

function mailboxOf(host: LabMachine): Mailbox {
  return { localPart: userOf(host).user, domain: host.options.domains[0] ?? host.options.host }
}

function pop3Of(host: LabMachine): { readonly host: string; readonly port: number } {
  const { pop3 } = host.options
  if (pop3 === undefined) throw failed(`${host.options.host} has no POP3 service`)
  return pop3.listen
}

function portsOf({ machine }: LabMachine): Pick<LabMachine['machine'], 'network' | 'clock'> {
  return { network: machine.network, clock: machine.clock }
}

function failed(text: string): Fault<LabFaultCode> {
  return new Fault('lab/not-shown', text, { temporary: false })
}
