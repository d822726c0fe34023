import { wallMs } from '../../src/base/time.ts'
import { MailClient } from '../../src/bridge/mail-client.ts'
import type { ContactPlanOptions, MailHostOptions } from '../../src/bridge/mail-host-options.ts'
import type { LinkCost } from '../../src/bridge/queue-cost.ts'
import type { Scenario } from '../../src/config/scenario.ts'
import { connectNode } from '../../src/dtn/control/node-client.ts'
import { earthMoon, TestLab } from './lab.ts'

/** The default scenario, its first host with more options. */
export function nearHost(
  more: Partial<MailHostOptions>,
  change: Parameters<typeof earthMoon>[0] = {},
): Scenario {
  const scenario = earthMoon(change)
  const [near, ...others] = scenario.hosts
  if (near === undefined) throw new Error('a scenario without hosts')
  return { ...scenario, hosts: [{ ...near, ...more }, ...others] }
}

export const ROUTE = 'bp:ipn:3.2525'
/** Base64, of 3 KB. */
export const PHOTO = 'QUJD'.repeat(18).concat('\r\n').repeat(40)

/** A mail with a text and an attachment. */
export function withPhoto(text: string, photo: string = PHOTO): string {
  return [
    'From: "An User" <user@mail-1.a.com>',
    'To: <user@mail-2.a.com>',
    'Subject: a photo',
    'Message-ID: <photo@mail-1.a.com>',
    'MIME-Version: 1.0',
    'Content-Type: multipart/mixed; boundary=b',
    '',
    '--b',
    '',
    text,
    '--b',
    'Content-Type: image/jpeg; name="photo.jpg"',
    'Content-Transfer-Encoding: base64',
    'Bcc: nobody@mail-1.a.com',
    '',
    photo,
    '--b--',
    '',
  ].join('\r\n')
}

/** The near host holds back what is larger than 2000 octets. */
export function startHolding(
  more: Partial<MailHostOptions> = {},
  change: Parameters<typeof nearHost>[1] = {},
  hardware: Parameters<typeof TestLab.start>[1] = {},
): Promise<TestLab> {
  const links = [{ route: ROUTE, holdBackAbove: 2000 }]
  return TestLab.start(nearHost({ links, ...more }, change), hardware)
}

/** The addresses at which what was held back of these mails is asked for. */
export function addressesIn(mails: readonly string[]): readonly string[] {
  return mails.flatMap((mail) => [
    ...new Set(mail.match(/lightlag-held\+[0-9a-f]{32}@mail-1\.a\.com/g) ?? []),
  ])
}

/** Sends a mail with an attachment, and resolves with the address at which that is asked for. */
export async function heldAddress(lab: TestLab): Promise<string> {
  await lab.submitted(lab.mail1, withPhoto('See the photo.'))
  await lab.runFor(10_000)
  const [address = ''] = addressesIn(await lab.maildrop(lab.mail2))
  return address
}

/** What is sent to that address. */
export const ASK = 'Subject: Re: Held back\r\n\r\nPlease.\r\n'

/** Of ten minutes from the near host to the far one, an hour after the start. */
export function oneContact(rateBytesPerSec: number): ContactPlanOptions {
  const times = { from: wallMs(3_600_000), until: wallMs(4_200_000) }
  const contact = { source: 2n, destination: 3n, ...times, rateBytesPerSec, confidence: 1 }
  return { contacts: [contact], ranges: [], isFromStart: true }
}

const CONTROL = { host: '/run/lightlag/control.sock', port: 0 }

/** What the near host says to `lightlag queue cost`. */
export function costs(lab: TestLab): Promise<readonly LinkCost[]> {
  const ask = async (): Promise<readonly LinkCost[]> => {
    const { network, clock } = lab.mail1.machine
    const client = new MailClient(await connectNode(CONTROL, { network, clock }))
    const costs = await client.cost()
    client.close()
    return costs
  }
  return lab.lab.perform(ask())
}
