/** `sendmail -bs`: SMTP on standard input and output, for programs of whoever runs it. */

import { concat } from '../base/bytes.ts'
import { asFault } from '../base/fault.ts'
import type { MailClient } from '../bridge/mail-client.ts'
import { runSession } from '../drive/session.ts'
import { StreamFlow } from '../drive/stream-flow.ts'
import { hostClock } from '../host/clock.ts'
import type { Mailbox, RecipientParameters } from '../proto/smtp/envelope.ts'
import { formatMailbox } from '../proto/smtp/path.ts'
import type { SmtpAnswer, SmtpQuestion, Verdict } from '../proto/smtp/question.ts'
import { SmtpServer } from '../proto/smtp/server.ts'
import { StdioStream } from './stdio-stream.ts'

/** As a session with the host itself has them. */
const RECIPIENTS_MAX = 1000

interface Transaction {
  readonly mail: Extract<SmtpQuestion, { readonly type: 'mail' }>
  readonly recipients: { readonly mailbox: Mailbox; readonly parameters: RecipientParameters }[]
  readonly body: Uint8Array[]
}

/** Resolves when the dialogue is over. */
export async function speakSmtp(host: MailClient): Promise<void> {
  const { host: hostname, messageBytesMax } = await host.about()
  const stream = new StdioStream()
  const flow = new StreamFlow(stream)
  const machine = new SmtpServer({
    hostname,
    role: 'transfer',
    sizeBytesMax: messageBytesMax,
    recipientsMax: RECIPIENTS_MAX,
    mechanisms: [],
    requireAuthentication: false,
    bareLineEnds: 'repair',
    extensions: ['SMTPUTF8', 'DSN', 'DELIVERBY', 'MT-PRIORITY'],
  })
  let transaction: Transaction | undefined
  const carryOut = async (question: SmtpQuestion): Promise<Verdict | undefined> => {
    switch (question.type) {
      case 'mail':
        transaction = { mail: question, recipients: [], body: [] }
        return { ok: true }
      case 'recipient': {
        const { recipient, parameters } = question
        await host.checkRecipient(formatMailbox(recipient))
        transaction?.recipients.push({ mailbox: recipient, parameters })
        return { ok: true }
      }
      case 'data':
        return { ok: true }
      case 'body':
        transaction?.body.push(question.bytes.slice())
        return undefined
      case 'end-of-data': {
        const whole = transaction
        transaction = undefined
        if (whole === undefined) return { ok: false, reply: NOT_NOW }
        return { ok: true, queueId: await submit(host, whole) }
      }
      case 'reset':
        transaction = undefined
        return undefined
      case 'refused':
        return undefined
      case 'authenticate':
      case 'scram-keys':
      case 'look-up':
        return { ok: false, reply: NOT_NOW }
    }
  }
  await new Promise<void>((over) => {
    let work = Promise.resolve()
    runSession<SmtpAnswer, SmtpQuestion>(
      machine,
      stream,
      hostClock,
      (question, answer) => {
        work = work.then(async () => {
          const verdict = await carryOut(question).catch(refusalOf)
          if (verdict !== undefined) answer({ type: 'verdict', verdict })
        })
      },
      { flow },
    )
    stream.onInputEnd = async () => {
      for (let done: Promise<void> | undefined; done !== work; ) {
        done = work
        await done
      }
      stream.close()
    }
    const { onEnd } = stream
    stream.onEnd = (fault) => {
      onEnd(fault)
      void work.then(over)
    }
  })
}

const NOT_NOW = { code: 454, enhanced: '4.3.0', lines: ['Error: not here'] }

function submit(
  host: MailClient,
  { mail: { from }, recipients, body }: Transaction,
): Promise<string> {
  const { reversePath, parameters } = from
  return host.submit(
    {
      from: reversePath === undefined ? '' : formatMailbox(reversePath),
      to: recipients.map(({ mailbox }) => formatMailbox(mailbox)),
      parameters,
      recipientParameters: recipients.map((recipient) => recipient.parameters),
    },
    concat(...body),
  )
}

/** In the words of the host, which names what is wrong. */
function refusalOf(error: unknown): Verdict {
  const { temporary, message } = asFault(error)
  const [code, enhanced] = temporary ? [451, '4.3.0'] : [550, '5.1.1']
  return { ok: false, reply: { code, enhanced, lines: [message.replace(/[^ -~]+/g, '?')] } }
}
