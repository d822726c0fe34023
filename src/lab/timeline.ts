/** Carries out what a scenario has happen, and says what came of it. */

import { fromLatin1, toLatin1 } from '../base/bytes.ts'
import { asFault, Fault } from '../base/fault.ts'
import { formatDuration } from '../base/quantity.ts'
import { monoMs } from '../base/time.ts'
import type {
  Claim,
  TimelineAction,
  TimelineEvent,
  TimelineLink,
  TimelineMail,
} from '../config/timeline.ts'
import type { Mailbox } from '../proto/smtp/envelope.ts'
import { parseMailbox } from '../proto/smtp/path.ts'
import { isPositive } from '../proto/smtp/reply.ts'
import type { LabFaultCode } from './fault.ts'
import type { Lab, LabResult } from './lab.ts'
import type { LabMachine } from './machine.ts'
import { submitMail } from './mail-user.ts'

export interface TimelineOutcome {
  readonly event: TimelineEvent
  /** What was claimed is so; any other thing could be done. */
  readonly ok: boolean
  /** What came of it, in a line. */
  readonly text: string
}

export class Timeline {
  readonly #lab: Lab
  readonly #events: readonly TimelineEvent[]
  readonly #homes: string
  readonly #mails = new Map<string, TimelineMail>()
  readonly #outcomes: TimelineOutcome[] = []
  /** What hosts are busy with, and never finish where they lose their power. */
  readonly #busy = new Map<LabMachine, Set<(reason: string) => void>>()

  /** `homes`: where every host keeps its users' files. */
  constructor(lab: Lab, events: readonly TimelineEvent[], homes: string) {
    this.#lab = lab
    this.#homes = homes
    this.#events = events
    for (const { action } of events) {
      if (action.type === 'submit') this.#mails.set(action.mail.name, action.mail)
    }
  }

  /** In the order in which they came about; each event has one. */
  get outcomes(): readonly TimelineOutcome[] {
    return this.#outcomes
  }

  get isOver(): boolean {
    return this.#outcomes.length === this.#events.length
  }

  /** Those that have not begun. */
  get ahead(): readonly TimelineEvent[] {
    const now = this.#lab.world.now()
    return this.#events.filter(({ atMs }) => atMs > now)
  }

  /** From now on everything happens at its time; what is past happens at once. */
  begin(): void {
    const moments = new Map<number, TimelineEvent[]>()
    for (const event of this.#events) {
      const events = moments.get(event.atMs)
      if (events === undefined) moments.set(event.atMs, [event])
      else events.push(event)
    }
    for (const [atMs, events] of moments) {
      this.#lab.world.at(monoMs(atMs), () => void this.#happen(events))
    }
  }

  /** One after the other: what is claimed is looked up before anything else happens. */
  async #happen(events: readonly TimelineEvent[]): Promise<void> {
    for (const event of events) {
      const told = this.#carryOut(event.action).then(
        (text) => this.#outcomes.push({ event, ok: true, text }),
        (error: unknown) => this.#outcomes.push({ event, ok: false, text: asFault(error).message }),
      )
      if (event.action.type === 'assert') await told
    }
  }

  /** What was done; rejects with why it could not be, or is not so. */
  async #carryOut(action: TimelineAction): Promise<string> {
    switch (action.type) {
      case 'link-down':
        return this.#change(action.link, { isDown: true }, 'is down')
      case 'link-up':
        return this.#change(action.link, { isDown: false }, 'is up')
      case 'link-change':
        return this.#change(action.link, action.change, 'is another')
      case 'submit':
        return this.#submit(action.mail)
      case 'assert':
        return this.#check(action.claim)
      default:
        return this.#power(action.type, this.#lab.host(action.host))
    }
  }

  #change(
    { between, oneWay = false }: TimelineLink,
    change: Parameters<Lab['network']['setLink']>[1],
    what: string,
  ): string {
    const [from, to] = between
    if (oneWay) this.#lab.network.link(from, to).change(change)
    else this.#lab.network.setLink(between, change)
    return `the link ${from} to ${to} ${what}${oneWay ? ' in this direction' : ''}`
  }

  async #power(what: 'kill' | 'start' | 'restart' | 'wipe', host: LabMachine): Promise<string> {
    const { host: name } = host.options
    if (what === 'start' && host.isOn) throw failed(`${name} is on already`)
    if (what !== 'start') {
      for (const fail of this.#busy.get(host) ?? []) fail(`${name} lost its power`)
    }
    if (what === 'kill') host.kill()
    else {
      if (what === 'wipe') {
        host.wipe()
        this.#lab.waiting.forget(name)
      }
      if (what === 'restart') host.kill()
      await this.#on(host, host.start())
    }
    return `${name}: ${what}`
  }

  async #submit(mail: TimelineMail): Promise<string> {
    const { host, mailbox } = this.#ownerOf(mail.from)
    this.#checkPower(host, mail.from)
    const { submission, smtp, users } = host.options
    const server = (submission ?? smtp)?.listen
    const user = users.find(({ name }) => name.toLowerCase() === mailbox.localPart.toLowerCase())
    if (server === undefined || user === undefined) {
      throw failed(`${host.options.host} takes no mail of ${mail.from}`)
    }
    const replies = await this.#on(
      host,
      submitMail(
        {
          server,
          hostname: host.options.host,
          credentials: { user: user.name, password: user.password },
          from: { reversePath: mailbox, parameters: {} },
          recipients: mail.to.map(mailboxOf),
          message: fromLatin1(messageOf(mail)),
        },
        { network: host.machine.network, clock: host.machine.clock },
      ),
    )
    const refused = replies.find((reply) => !isPositive(reply))
    if (refused !== undefined) {
      throw failed(`mail ${mail.name} was refused: ${refused.code} ${refused.lines.join(' ')}`)
    }
    return `mail ${mail.name} was taken: ${replies[0]?.lines.join(' ') ?? ''}`
  }

  async #check(claim: Claim): Promise<string> {
    if (claim.type === 'count') {
      const { length } = await this.#messagesOf(claim.mailbox)
      if (length === claim.count) return `${claim.mailbox} has ${length} mails`
      throw failed(`${claim.mailbox} has ${length} mails, not ${claim.count}`)
    }
    const recipients = this.#mails.get(claim.mail)?.to ?? []
    const counts = await Promise.all(
      recipients.map(async (to) => {
        const messages = await this.#messagesOf(to)
        const id = `\r\nMessage-ID: ${idOf(claim.mail)}\r\n`
        return messages.filter((message) => `\r\n${message}`.includes(id)).length
      }),
    )
    const wanted = claim.type === 'delivered' ? 1 : 0
    const wrong = recipients.flatMap((to, index) =>
      counts[index] === wanted ? [] : [`${counts[index]} times in the mailbox of ${to}`],
    )
    const said = `mail ${claim.mail} is ${wanted === 1 ? '' : 'not '}delivered`
    if (wrong.length > 0) throw failed(`${said}? It is ${wrong.join(', ')}`)
    return said
  }

  /** All of an inbox, one character an octet. */
  async #messagesOf(address: string): Promise<readonly string[]> {
    const { host, mailbox } = this.#ownerOf(address)
    this.#checkPower(host, address)
    const { disk } = host
    const read = async (): Promise<readonly string[]> => {
      const messages: string[] = []
      for (const part of ['new', 'cur']) {
        const folder = `${this.#homes}/${mailbox.localPart}/Maildir/${part}`
        if ((await disk.stat(folder)) === undefined) continue
        for (const name of await disk.list(folder)) {
          const reader = await disk.open(`${folder}/${name}`)
          messages.push(toLatin1(await reader.read(0, reader.sizeBytes)))
          await reader.close()
        }
      }
      return messages
    }
    return this.#on(host, read())
  }

  #checkPower(host: LabMachine, address: string): void {
    if (!host.isOn) throw failed(`${host.options.host} is off, and ${address} with it`)
  }

  #ownerOf(address: string): { readonly host: LabMachine; readonly mailbox: Mailbox } {
    const mailbox = mailboxOf(address)
    const host = this.#lab.hosts.find(({ options }) => options.domains.includes(mailbox.domain))
    if (host === undefined) throw failed(`${address} is at home on no host`)
    return { host, mailbox }
  }

  /** Rejects also where the host loses its power meanwhile. */
  #on<T>(host: LabMachine, work: Promise<T>): Promise<T> {
    const busy = this.#busy.get(host) ?? new Set()
    this.#busy.set(host, busy)
    return new Promise<T>((resolve, reject) => {
      const fail = (reason: string): void => reject(failed(reason))
      busy.add(fail)
      work.then(resolve, reject).finally(() => busy.delete(fail))
    })
  }
}

function failed(text: string): Fault<LabFaultCode> {
  return new Fault('lab/timeline', text, { temporary: false })
}

function mailboxOf(address: string): Mailbox {
  const mailbox = parseMailbox(address)
  if (mailbox === undefined) throw failed(`${address} is no address`)
  return mailbox
}

function idOf(mail: string): string {
  return `<${mail}@timeline.lab>`
}

const LINE = `${'x'.repeat(70)}\r\n`

function messageOf({ name, from, to, sizeBytes }: TimelineMail): string {
  const head = [
    `From: <${from}>`,
    `To: ${to.map((address) => `<${address}>`).join(', ')}`,
    `Subject: ${name}`,
    `Message-ID: ${idOf(name)}`,
  ]
  const body = LINE.repeat(Math.ceil(sizeBytes / LINE.length)).slice(0, Math.max(0, sizeBytes - 2))
  return `${head.join('\r\n')}\r\n\r\n${body.replace(/\r?\n?$/, '')}\r\n`
}

/** What came of a scenario, a line for each event and for each mail that waits for ever. */
export function resultLines({ outcomes, stuck }: LabResult): readonly string[] {
  return [
    ...outcomes.map(({ event, ok, text }) => {
      const at = formatDuration(event.atMs).padStart(10)
      return `${at}  ${ok ? 'ok    ' : 'FAILED'}  ${text}`
    }),
    ...stuck.map(
      ({ host, queueId, recipient, reason }) =>
        `${host} keeps ${queueId} for <${recipient}> for ever: ${reason}`,
    ),
  ]
}
