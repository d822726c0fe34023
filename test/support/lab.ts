import { readFileSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { fromLatin1, toLatin1 } from '../../src/base/bytes.ts'
import { monoMs } from '../../src/base/time.ts'
import { parseScenario, type Scenario } from '../../src/config/scenario.ts'
import { type Happening, Lab, type LabOptions } from '../../src/lab/lab.ts'
import type { LabMachine } from '../../src/lab/machine.ts'
import {
  type FetchedMail,
  fetchMail,
  type Submission,
  submitMail,
  submitMails,
} from '../../src/lab/mail-user.ts'
import type { HostEvent } from '../../src/ports/events.ts'
import type { Reply } from '../../src/proto/smtp/reply.ts'

const MAILBOX = '/home/user/Maildir/new'
const EARTH_MOON = 'scenarios/earth-moon.yaml'

/** The default scenario, with other links and another seed where wanted. */
export function earthMoon(
  change: {
    readonly seed?: number
    readonly oneWayDelayMs?: number
    readonly loss?: number
    readonly giveUpAfterMs?: number
    /** Other than UDP. */
    readonly protocol?: 'tcp' | 'stcp' | 'mtcp'
  } = {},
): Scenario {
  const parsed = parseScenario(readFileSync(EARTH_MOON, 'utf8'), EARTH_MOON)
  if (!parsed.ok) throw parsed.fault
  const { seed = 1, oneWayDelayMs = 500, loss = 0, giveUpAfterMs, protocol } = change
  return {
    ...parsed.value,
    seed,
    links: parsed.value.links.map((link) => ({ ...link, oneWayDelayMs, lossShare: loss })),
    hosts: parsed.value.hosts.map(({ udp, ...host }) => ({
      ...host,
      ...(udp && { [protocol ?? 'udp']: udp }),
      plans: host.plans.map((plan) => ({
        ...plan,
        protocol: protocol ?? plan.protocol,
        oneWayDelayMs,
      })),
      ...(giveUpAfterMs !== undefined && { retry: { giveUpAfterMs, routes: [] } }),
    })),
  }
}

type TestLabOptions = Pick<
  LabOptions,
  'authentication' | 'packing' | 'capture' | 'hardware' | 'logLines'
>

/** A running lab with the words that the tests of this folder speak. */
export class TestLab {
  readonly happenings: Happening[] = []
  readonly lab: Lab
  readonly mail1: LabMachine
  readonly mail2: LabMachine

  private constructor(scenario: Scenario, options: TestLabOptions) {
    this.lab = new Lab(scenario, {
      settle: () => setImmediate(),
      onEvent: (happening) => this.happenings.push(happening),
      ...options,
    })
    this.mail1 = this.lab.host('mail-1.a.com')
    this.mail2 = this.lab.host('mail-2.a.com')
  }

  static async start(scenario: Scenario, options: TestLabOptions = {}): Promise<TestLab> {
    const lab = new TestLab(scenario, options)
    await lab.lab.start()
    return lab
  }

  /** Submits on `from` for `user` at the other host. */
  submit(
    from: LabMachine,
    message: string,
    recipients?: readonly string[],
  ): Promise<readonly Reply[]> {
    return submitMail(this.#submission(from, message, recipients), from.machine)
  }

  /** Several in one session, one after another; lets time pass until all have been answered. */
  submittedTogether(
    from: LabMachine,
    mails: readonly { readonly message: string; readonly recipients: readonly string[] }[],
  ): Promise<readonly (readonly Reply[])[]> {
    const submissions = mails.map((mail) => this.#submission(from, mail.message, mail.recipients))
    const [session] = submissions
    if (session === undefined) return Promise.resolve([])
    return this.lab.perform(submitMails(session, submissions, from.machine))
  }

  #submission(from: LabMachine, message: string, recipients?: readonly string[]): Submission {
    const to = from === this.mail1 ? this.mail2 : this.mail1
    const server = from.options.submission?.listen
    if (server === undefined) throw new Error('no submission service')
    return {
      server,
      hostname: 'client.a.com',
      credentials: { user: 'user', password: '123456' },
      from: { reversePath: { localPart: 'user', domain: from.options.host }, parameters: {} },
      recipients: (recipients ?? [`user@${to.options.host}`]).map((name) => {
        const [localPart = '', domain = ''] = name.split('@')
        return { localPart, domain }
      }),
      message: fromLatin1(message),
    }
  }

  /** The same, and lets time pass until it has been answered. */
  submitted(
    from: LabMachine,
    message: string,
    recipients?: readonly string[],
  ): Promise<readonly Reply[]> {
    return this.lab.perform(this.submit(from, message, recipients))
  }

  /** All that is in the maildrop of `user`, as text of one character per byte. */
  async maildrop(host: LabMachine): Promise<readonly string[]> {
    const server = host.options.pop3?.listen
    if (server === undefined) throw new Error('no POP3 service')
    const mails: readonly FetchedMail[] = await this.lab.perform(
      fetchMail(server, { user: 'user', password: '123456' }, host.machine),
    )
    return mails.map(({ message }) => toLatin1(message))
  }

  /** The files of the mailbox of `user`, as text of one character per byte. */
  async mailbox(host: LabMachine): Promise<readonly string[]> {
    const names = await this.mailboxNames(host)
    return this.lab.perform(
      (async () => {
        const files: string[] = []
        for (const name of names) {
          const reader = await host.disk.open(`${MAILBOX}/${name}`)
          files.push(toLatin1(await reader.read(0, reader.sizeBytes)))
          await reader.close()
        }
        return files
      })(),
    )
  }

  /** The names of these files. */
  async mailboxNames(host: LabMachine): Promise<readonly string[]> {
    return this.lab.perform(
      (async () => {
        const isThere = (await host.disk.stat(MAILBOX)) !== undefined
        return isThere ? await host.disk.list(MAILBOX) : []
      })(),
    )
  }

  runFor(durationMs: number): Promise<void> {
    return this.lab.world.run(monoMs(this.lab.world.now() + durationMs))
  }

  /** Lets time pass until an event of this type is told, by anyone, `count` times in all. */
  async until(type: HostEvent['type'], count = 1): Promise<Happening> {
    const seen = (): readonly Happening[] =>
      this.happenings.filter(({ event }) => event.type === type)
    await this.lab.world.run(() => seen().length >= count)
    const found = seen()[count - 1]
    if (found === undefined) throw new Error(`${type} never happened ${count} times`)
    return found
  }

  events<Type extends HostEvent['type']>(
    type: Type,
  ): readonly Extract<HostEvent, { type: Type }>[] {
    return this.happenings.flatMap(({ event }) =>
      event.type === type ? [event as Extract<HostEvent, { type: Type }>] : [],
    )
  }
}

/** A mail whose body is `body`, with CRLF. */
export function mailOf(body: string): string {
  return `From: <user@mail-1.a.com>\r\nTo: <user@mail-2.a.com>\r\nSubject: test\r\n\r\n${body}\r\n`
}
