/**
 * What every carrier does for mail between two hosts, whatever it is made of (`src/bridge/carrier.ts`):
 * each mail arrives once, its sender's queue lets go of it when the far host has said so, and what is
 * lost, repeated or restarted on the way changes nothing.
 */

import { describe, expect, test } from 'vitest'
import { formatTrace } from '../../src/bridge/format-trace.ts'
import type { LabMachine } from '../../src/lab/machine.ts'
import { mailOf, type TestLab } from '../support/lab.ts'
import { withHost } from '../support/stick.ts'

export interface CarrierStage {
  /** Two hosts, whose mail to each other goes by the carrier; nothing is lost by itself. */
  readonly lab: TestLab
  /** As the transport map of mail-1 has it. */
  readonly route: string
  /** What leaves this host now is lost on its way. */
  lose(from: LabMachine): Promise<void>
  /** Lets what waits travel, there and back, until nothing is left to say. */
  travel(): Promise<void>
}

export function carrierConformance(
  name: string,
  open: (options?: { readonly giveUpAfterMs?: number }) => Promise<CarrierStage>,
): void {
  const waiting = (lab: TestLab): Promise<readonly unknown[]> =>
    withHost(lab, lab.mail1, (host) => host.queue())

  describe(name, () => {
    test('brings mails to the far host, and the answer that lets the queue go', async () => {
      const { lab, travel } = await open()
      for (const body of ['one', 'two', 'three']) await lab.submitted(lab.mail1, mailOf(body))
      await travel()
      expect(await lab.mailbox(lab.mail2)).toHaveLength(3)
      expect(await waiting(lab)).toEqual([])
      expect(lab.events('mail-failed')).toEqual([])
      await lab.lab.stop()
    })

    test('goes both ways', async () => {
      const { lab, travel } = await open()
      await lab.submitted(lab.mail1, mailOf('there'))
      await lab.submitted(lab.mail2, mailOf('back'))
      await travel()
      expect(await lab.mailbox(lab.mail1)).toHaveLength(1)
      expect(await lab.mailbox(lab.mail2)).toHaveLength(1)
      await lab.lab.stop()
    })

    test('carries the envelope, and for each recipient what was refused', async () => {
      const { lab, travel } = await open()
      const recipients = ['nobody@mail-2.a.com', 'user@mail-2.a.com']
      await lab.submitted(lab.mail1, mailOf('Hello'), recipients)
      await travel()
      expect(await lab.mailbox(lab.mail2)).toHaveLength(1)
      expect(lab.events('mail-failed')).toMatchObject([
        { recipient: 'nobody@mail-2.a.com', dsn: '5.1.1' },
      ])
      expect(await lab.mailbox(lab.mail1)).toHaveLength(1)
      await lab.lab.stop()
    })

    test('carries large mails whole', async () => {
      const { lab, travel } = await open()
      const body = Array.from({ length: 6000 }, (_, i) => `line ${i} ${i * 7919}`).join('\r\n')
      await lab.submitted(lab.mail1, mailOf(body))
      await travel()
      const [mail = ''] = await lab.mailbox(lab.mail2)
      expect(mail.endsWith(`${body}\r\n`)).toBe(true)
      await lab.lab.stop()
    })

    test('sends again what was lost on the way', async () => {
      const { lab, travel, lose } = await open()
      await lose(lab.mail1)
      await lab.submitted(lab.mail1, mailOf('Hello'))
      await travel()
      expect(await lab.mailbox(lab.mail2)).toHaveLength(1)
      expect(await waiting(lab)).toEqual([])
      await lab.lab.stop()
    })

    test('answers again where an answer was lost, and takes nothing twice', async () => {
      const { lab, travel, lose } = await open()
      await lose(lab.mail2)
      await lab.submitted(lab.mail1, mailOf('Hello'))
      await travel()
      expect(await lab.mailbox(lab.mail2)).toHaveLength(1)
      expect(await waiting(lab)).toEqual([])
      await lab.lab.stop()
    })

    test('goes on after both hosts lost their power', async () => {
      const { lab, travel } = await open()
      await lab.submitted(lab.mail1, mailOf('Hello'))
      await lab.runFor(50)
      await lab.lab.perform(lab.mail1.crash())
      await lab.lab.perform(lab.mail2.crash())
      await travel()
      await lab.lab.perform(lab.mail2.crash())
      await lab.lab.perform(lab.mail1.crash())
      await travel()
      expect(await lab.mailbox(lab.mail2)).toHaveLength(1)
      expect(await waiting(lab)).toEqual([])
      await lab.lab.stop()
    })

    test('returns a mail that nobody acknowledged in its time, once, and stops trying', async () => {
      const giveUpAfterMs = 3_600_000
      const { lab } = await open({ giveUpAfterMs })
      lab.mail2.kill()
      await lab.submitted(lab.mail1, mailOf('Hello'))
      await lab.until('mail-failed')
      await lab.runFor(1000)
      expect(await lab.mailbox(lab.mail1)).toHaveLength(1)
      expect(await waiting(lab)).toEqual([])
      const tried = lab.events('transaction-resent').length
      expect(tried).toBeLessThan(100)
      await lab.runFor(10 * giveUpAfterMs)
      expect(lab.events('transaction-resent')).toHaveLength(tried)
      expect(lab.events('mail-failed')).toHaveLength(1)
      await lab.lab.stop()
    })

    test('is named by the queue and by the story of a mail', async () => {
      const { lab, route, travel } = await open()
      const queueId = async (): Promise<string> => {
        const [mail] = await withHost(lab, lab.mail1, (host) => host.queue())
        expect(mail?.recipients).toMatchObject([{ route }])
        return mail?.queueId ?? ''
      }
      lab.mail2.kill()
      await lab.submitted(lab.mail1, mailOf('Hello'))
      await lab.runFor(10)
      const id = await queueId()
      const story = async (): Promise<string> => {
        const [trace] = await withHost(lab, lab.mail1, (host) => host.trace(id))
        return trace === undefined ? '' : formatTrace(trace)
      }
      expect(await story()).toContain(route)
      await lab.lab.perform(lab.mail2.start())
      await travel()
      expect(await story()).toMatch(/acknowledged by /)
      await lab.lab.stop()
    })
  })
}
