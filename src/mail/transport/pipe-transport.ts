/** The `pipe` transport: mail to programs, as Postfix's pipe(8) gives it. */

import { fromUtf8, toUtf8 } from '../../base/bytes.ts'
import type { Fault } from '../../base/fault.ts'
import { addMs } from '../../base/time.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Process, ProcessEnd, Processes } from '../../ports/process.ts'
import { formatReturnPath } from '../../proto/message/trace.ts'
import type { Mailbox } from '../../proto/smtp/envelope.ts'
import { formatMailbox } from '../../proto/smtp/path.ts'
import type { DeliveryTarget, MailStart, Outcome } from '../delivery.ts'
import { stopping } from './connection-pool.ts'
import { transportFault } from './fault.ts'
import { LfWriter } from './lf-writer.ts'
import { PROGRAM_OUTPUT_BYTES_MAX, STOP_WAIT_MS } from './limits.ts'
import { type Errand, OutgoingDelivery, refusedAll } from './outgoing-delivery.ts'
import { pipeArguments } from './pipe-arguments.ts'

export interface PipeOptions {
  /** Whose rights the programs have. Default: those of this host, unless that is the superuser. */
  readonly user?: string
  /** After which a program is killed, and the mail tried again later. */
  readonly timeLimitMs: number
}

export interface PipePorts {
  readonly clock: Clock
  readonly processes: Processes
}

/** A program that was started for a mail. */
interface Run {
  readonly process: Process
  /** It has been given the whole message. */
  hasAll: boolean
  /** It was killed because this host stops. */
  isCut: boolean
}

/** Nothing that this host was started with is any program's concern. */
const ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
}

export class PipeTransport {
  readonly #options: PipeOptions
  readonly #ports: PipePorts
  readonly #running = new Set<Run>()
  #isStopped = false

  constructor(options: PipeOptions, ports: PipePorts) {
    this.#options = options
    this.#ports = ports
  }

  /** `argv` as the route has it, with what stands for something. */
  target(argv: readonly string[]): DeliveryTarget {
    return {
      start: async (mail) => {
        // What no program may be given must not keep the mail from the other recipients.
        const judge = (recipient: Mailbox): void =>
          void pipeArguments(argv, { mail, recipients: [recipient], recipientParameters: [] })
        return new OutgoingDelivery(mail, (errand) => this.#deliver(argv, errand), judge)
      },
    }
  }

  /**
   * Begins nothing more. A program that has its whole mail is waited for, so that it does not get it
   * twice, but not for long; others are killed, and their mail stays with whoever gave it.
   */
  async stop(): Promise<void> {
    this.#isStopped = true
    const { clock } = this.#ports
    for (const run of this.#running) if (!run.hasAll) cut(run)
    const ends = [...this.#running].map(({ process }) => process.ended)
    if (ends.length === 0) return
    await new Promise<void>((resolve) => {
      const forget = clock.at(addMs(clock.now(), STOP_WAIT_MS), resolve)
      void Promise.all(ends).then(() => {
        forget()
        resolve()
      })
    })
    for (const run of this.#running) cut(run)
  }

  async #deliver(argv: readonly string[], errand: Errand): Promise<readonly Outcome[]> {
    const { clock, processes } = this.#ports
    const { user, timeLimitMs } = this.#options
    if (this.#isStopped) throw stopping()
    const process = await processes.start({
      argv: pipeArguments(argv, errand),
      environment: ENVIRONMENT,
      user,
      outputBytesMax: PROGRAM_OUTPUT_BYTES_MAX,
    })
    if (this.#isStopped) {
      process.kill()
      throw stopping()
    }
    const run: Run = { process, hasAll: false, isCut: false }
    this.#running.add(run)
    errand.mail.onReady?.()
    let isLate = false
    const forget = clock.at(addMs(clock.now(), timeLimitMs), () => {
      isLate = true
      process.kill()
    })
    try {
      const end = await this.#feed(run, errand)
      // What had ended by itself has, whoever stops meanwhile.
      if (run.isCut && typeof end.by === 'string') throw stopping()
      const [program = ''] = argv
      return outcomes(errand.recipients.length, program, end, isLate)
    } finally {
      forget()
      this.#running.delete(run)
    }
  }

  /** A program need not read all of it. */
  async #feed(run: Run, { body, mail }: Errand): Promise<ProcessEnd> {
    const { process } = run
    const isBinary = mail.from.parameters.body === 'BINARYMIME'
    const writer = new LfWriter()
    const asRead = (bytes: Uint8Array): Uint8Array => (isBinary ? bytes : writer.push(bytes))
    let isOver = false
    const over = process.ended.then(() => {
      isOver = true
    })
    try {
      await Promise.race([process.write(asRead(returnPath(mail))), over])
      for (;;) {
        const bytes = await body.next()
        if (bytes === undefined || isOver) break
        await Promise.race([process.write(asRead(bytes)), over])
      }
      if (!isBinary) await Promise.race([process.write(writer.end()), over])
    } catch (error) {
      // Half a message is none: the program must not take it for a whole one.
      process.kill()
      await over
      throw error
    }
    run.hasAll = true
    process.end()
    return process.ended
  }
}

function cut(run: Run): void {
  run.isCut = true
  run.process.kill()
}

/** A gateway to elsewhere tells whom it is from. RFC 5321 §4.4. */
function returnPath({ from: { reversePath } }: MailStart): Uint8Array {
  return fromUtf8(formatReturnPath(reversePath === undefined ? '' : formatMailbox(reversePath)))
}

function outcomes(
  count: number,
  program: string,
  { by, output }: ProcessEnd,
  isLate: boolean,
): readonly Outcome[] {
  const words = toUtf8(output)
    .replace(/[^!-~]+/g, ' ')
    .trim()
  if (by === 0) {
    const detail = `delivered to command: ${program}${words === '' ? '' : ` (${words})`}`
    const delivered: Outcome = { type: 'delivered', detail, reports: 'by-nobody' }
    return Array.from({ length: count }, () => delivered)
  }
  return refusedAll(count, refusal(program, by, words, isLate))
}

function refusal(program: string, by: number | string, words: string, isLate: boolean): Fault {
  const said = words === '' ? '' : `. Command output: ${words}`
  if (isLate) return fault(`Command time limit exceeded: "${program}"${said}`, '4.3.0')
  if (typeof by === 'string') {
    return fault(`Command died with signal ${by}: "${program}"${said}`, '4.3.0')
  }
  const [own, ownWords] = SYSEXITS[by] ?? ['5.3.0', `Command died with status ${by}: "${program}"`]
  // What the program says itself counts more than how it ended, as with Postfix.
  const [, status, rest = ''] = /^([45]\.\d{1,3}\.\d{1,3})(?: +(.*))?$/.exec(words) ?? []
  if (status !== undefined) return fault(`${ownWords}. Command output: ${rest}`, status)
  return fault(`${ownWords}${said}`, own)
}

function fault(message: string, status: string): Fault {
  return transportFault('transport/refused', message, status)
}

/** Exit statuses that programs for mail have agreed on, in the words of Postfix. */
const SYSEXITS: Readonly<Record<number, readonly [status: string, words: string]>> = {
  64: ['5.3.0', 'command line usage error'],
  65: ['5.6.0', 'data format error'],
  66: ['5.3.0', 'cannot open input'],
  67: ['5.1.1', 'user unknown'],
  68: ['5.1.2', 'host name unknown'],
  69: ['5.3.0', 'service unavailable'],
  70: ['5.3.0', 'internal software error'],
  71: ['4.3.0', 'system resource problem'],
  72: ['5.3.0', 'critical OS file missing'],
  73: ['5.2.0', "can't create user output file"],
  74: ['5.3.0', 'input/output error'],
  75: ['4.3.0', 'temporary failure'],
  76: ['5.5.0', 'remote error in protocol'],
  77: ['5.7.0', 'permission denied'],
  78: ['5.3.5', 'local configuration error'],
}
