import type { Clock } from '../ports/clock.ts'
import type { EventSink } from '../ports/events.ts'
import type { MailFrom } from '../proto/smtp/envelope.ts'
import { formatMailbox, formatPath } from '../proto/smtp/path.ts'
import type { Reply } from '../proto/smtp/reply.ts'
import type { Outcome } from './delivery.ts'
import type { IncomingMessage } from './incoming-message.ts'
import { delaysOf } from './progress.ts'
import type { Addressee } from './written-mail.ts'

/** Whose session it is. */
export interface SessionName {
  /** `submissions` is submission under TLS from the first octet; `pickup` is for programs of this machine. */
  readonly service: 'smtp' | 'submission' | 'submissions' | 'lmtp' | 'pickup'
  readonly session: string
  readonly peer: string
}

export interface AcceptedMail {
  readonly queueId: string
  readonly from: MailFrom
  /** Who has logged in. */
  readonly user: string | undefined
  readonly recipients: readonly Addressee[]
}

/** What is told of one SMTP session. */
export class SmtpSessionLog {
  readonly #name: SessionName
  readonly #ports: { readonly events: EventSink; readonly clock: Clock }

  constructor(name: SessionName, ports: { readonly events: EventSink; readonly clock: Clock }) {
    this.#name = name
    this.#ports = ports
  }

  authenticated(user: string): void {
    const { service, session } = this.#name
    this.#ports.events({ type: 'authenticated', service, session, user })
  }

  authenticationFailed(user: string): void {
    this.#ports.events({ type: 'authentication-failed', ...this.#name, user })
  }

  refused(command: string, reply: Reply, why?: string): void {
    const said = `${reply.code} ${reply.enhanced ?? ''} ${reply.lines.join(' ')}`
    const told = why === undefined ? said : `${said} (${why})`
    this.#ports.events({ type: 'command-refused', ...this.#name, command, reply: told })
  }

  /** By all or some of its recipients; where it went at once, that it is delivered as well. */
  accepted(
    { queueId, from, user, recipients }: AcceptedMail,
    { isDirect, sizeBytes, intake }: IncomingMessage,
    outcomes: readonly Outcome[],
  ): void {
    const { events, clock } = this.#ports
    events({
      type: 'mail-accepted',
      queueId,
      via: this.#name.service,
      from: formatPath(from.reversePath),
      recipients: recipients.flatMap(({ recipient }, i) =>
        isDirect && outcomes[i]?.type === 'refused' ? [] : [formatMailbox(recipient)],
      ),
      sizeBytes,
      client: { ...this.#name, ...(user !== undefined && { user }) },
      ...(intake.messageId !== undefined && { messageId: intake.messageId }),
    })
    if (!isDirect) return
    const progress = delaysOf({ queueId, acceptedAt: clock.wall() }, undefined, clock)
    for (const [i, { recipient }] of recipients.entries()) {
      const outcome = outcomes[i]
      if (outcome?.type !== 'delivered') continue
      const { detail } = outcome
      const name = formatMailbox(recipient)
      const relay = 'local'
      const to = { recipient: name, route: relay, relay, ...progress } as const
      events({ type: 'mail-delivered', queueId, ...to, detail })
    }
  }
}
