import { expect, it } from 'vitest'
import { mailStage, pass, refusal, submit } from '../../test/support/mail-stage.ts'
import { formatMetrics } from '../base/metrics.ts'
import { MailMetrics } from './mail-metrics.ts'

it('tells what waits for which next hop, what came of the others, and who is here', async () => {
  let attempts = 0
  const stage = mailStage({
    remote: async (_, { localPart }) =>
      localPart === 'slow' && attempts++ > 0
        ? new Promise(() => {})
        : refusal(localPart === 'nobody' ? 'permanent' : 'temporary'),
  })
  await stage.queue.open()
  stage.queue.resume()
  const far = (name: string): string => `${name}@mail-2.a.com`
  for (const name of ['slow', 'user', 'nobody']) await submit(stage, [far(name)])
  await submit(stage, ['user@mail-1.a.com'])
  const held = await submit(stage, [far('held')])
  await pass(stage, 0)
  await stage.queue.hold(held)
  await pass(stage, 60_000)

  const metrics = new MailMetrics()
  for (const event of stage.events) metrics.hear(event)
  const session = { service: 'smtp', session: 's', peer: '::1' } as const
  metrics.hear({ type: 'session-opened', ...session })
  metrics.hear({ type: 'session-opened', ...session })
  metrics.hear({ type: 'session-closed', ...session })
  metrics.hear({ type: 'authentication-failed', ...session, user: 'x' })
  const text = formatMetrics(metrics.metrics(stage.queue.depth()))
  for (const line of [
    'lightlag_mail_queue_mails{route="bp:ipn:3.2525",state="active"} 1',
    'lightlag_mail_queue_mails{route="bp:ipn:3.2525",state="deferred"} 1',
    'lightlag_mail_queue_mails{route="bp:ipn:3.2525",state="hold"} 1',
    'lightlag_mail_queue_bytes_max 10000000',
    'lightlag_mail_recipients_total{route="bp",outcome="bounced"} 1',
    'lightlag_mail_recipients_total{route="bp",outcome="deferred"} 4',
    'lightlag_mail_recipients_total{route="local",outcome="sent"} 2',
    'lightlag_mail_delay_seconds_count{route="local"} 2',
    'lightlag_mail_reports_total{kind="non-delivery"} 1',
    'lightlag_mail_sessions{service="smtp"} 1',
    'lightlag_mail_sessions_total{service="smtp"} 2',
    'lightlag_mail_logins_total{service="smtp",outcome="failed"} 1',
  ]) {
    expect(text.split('\n')).toContain(line)
  }
  expect(text).not.toContain(far('user'))
})
