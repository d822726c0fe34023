import type { WallMs } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import type { MailFrom } from '../proto/smtp/envelope.ts'
import type { Addressee, AttemptMail } from './attempt.ts'
import type { Job } from './queue-job.ts'
import type { Spool, SpooledMail } from './spool.ts'
import type { Envelope } from './spool-record.ts'

/** What an attempt at a job is given: those who still wait, and the message as it is asked for. */
export function attemptMail(
  job: Job,
  { envelope, statuses }: SpooledMail,
  expiresAt: WallMs,
  { spool, clock }: { readonly spool: Spool; readonly clock: Clock },
): AttemptMail {
  const addressees: Addressee[] = []
  for (const index of job.waiting) {
    const mailbox = envelope.recipients[index]
    if (mailbox === undefined || job.ended?.has(index)) continue
    const status = statuses.get(index)
    const placing = status?.type === 'placing' ? status : undefined
    const { parameters = {} } = mailbox
    addressees.push({ index, mailbox, parameters, placing })
  }
  const onReady = (): void => {
    if (job.times !== undefined) job.times = { ...job.times, readyAt: clock.now() }
  }
  return {
    start: {
      queueId: envelope.queueId,
      from: passedOn(envelope, clock.wall()),
      sizeBytes: envelope.sizeBytes,
      expiresAt,
      read: () => spool.chunks(envelope),
      onReady,
    },
    addressees,
    chunks: spool.chunks(envelope),
  }
}

/** The envelope as the next host is to see it: less the time that has passed here. */
function passedOn({ from, acceptedAt }: Envelope, wall: WallMs): MailFrom {
  const { hold: _, deliverBy, ...parameters } = from.parameters
  if (deliverBy === undefined) return { ...from, parameters }
  const seconds = deliverBy.seconds - Math.floor(Math.max(0, wall - acceptedAt) / 1000)
  return { ...from, parameters: { ...parameters, deliverBy: { ...deliverBy, seconds } } }
}
