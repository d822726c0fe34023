import { expect, test } from 'vitest'
import { wallMs } from '../../src/base/time.ts'
import type { Scenario } from '../../src/config/scenario.ts'
import { keyRecord, newPrivateKey } from '../../src/host/dkim-keys.ts'
import { hostMailAuthentication } from '../../src/host/mail-authentication.ts'
import type { DatedSigningKey } from '../../src/ports/mail-authentication.ts'
import { earthMoon, mailOf, TestLab } from '../support/lab.ts'

const PRIVATE_KEY = newPrivateKey('rsa')

function keyOf(domain: string): DatedSigningKey {
  const privateKey = PRIVATE_KEY
  return { domain, selector: 's1', algorithm: 'rsa', privateKey, from: wallMs(0) }
}

/** Mail between the hosts goes by SMTP, and is looked at where it arrives. */
function checked(dmarc: 'none' | 'reject', oneWayDelayMs = 500): Scenario {
  const scenario = earthMoon({ oneWayDelayMs })
  return {
    ...scenario,
    hosts: scenario.hosts.map((host) => ({
      ...host,
      transport: [{ domain: '*', route: 'smtp:' }],
      outgoing: { ...host.outgoing, tls: 'offered', oneWayDelayMs },
      authentication: { dmarc, spf: 'none', trusted: [] },
    })),
  }
}

/** With the records of mail-1, which signs its mail. */
async function labWith(scenario: Scenario): Promise<TestLab> {
  const lab = await TestLab.start(scenario, { authentication: hostMailAuthentication })
  const { names } = lab.lab
  const name = 'mail-1.a.com'
  names.set(name, { ...names.get(name), txt: ['v=spf1 ip4:172.21.0.3 -all'] })
  names.set(`s1._domainkey.${name}`, { txt: [keyRecord(keyOf(name))] })
  names.set(`_dmarc.${name}`, { txt: ['v=DMARC1; p=reject'] })
  lab.mail1.setSigningKeys([keyOf(name)])
  return lab
}

/** What mail-2 says of the mails that it has taken. */
async function results(lab: TestLab): Promise<readonly string[]> {
  const mails = await lab.maildrop(lab.mail2)
  return mails.flatMap((mail) => mail.match(/^Authentication-Results:.*(?:\r\n[ \t].*)*/gm) ?? [])
}

test('mail is signed on one planet and verified on the other', async () => {
  const lab = await labWith(checked('reject'))
  await lab.mail1.crash()
  await lab.submitted(lab.mail1, mailOf('there'))
  await lab.until('mail-removed')
  const [said = '', ...others] = await results(lab)
  expect(others).toEqual([])
  expect(said.replace(/\r\n\t/g, ' ')).toMatch(
    /^Authentication-Results: mail-2\.a\.com; spf=pass smtp\.mailfrom=mail-1\.a\.com; dkim=pass header\.d=mail-1\.a\.com header\.s=s1 .*dmarc=pass header\.from=mail-1\.a\.com$/,
  )
  await lab.lab.stop()
})

test('mail of one planet in the name of the other comes back (550 5.7.1)', async () => {
  const lab = await labWith(checked('reject'))
  lab.lab.names.set('mail-1.a.com', { ...lab.lab.names.get('mail-1.a.com'), txt: [] })
  lab.mail1.setSigningKeys([])
  await lab.submitted(lab.mail1, mailOf('there'))
  expect((await lab.until('mail-failed')).event).toMatchObject({
    reason: expect.stringContaining('asks for this message to be refused (DMARC)'),
  })
  await lab.lab.stop()
})

test('mail comes through while no resolver answers, and it is said so', async () => {
  const lab = await labWith(checked('reject'))
  for (const name of ['_dmarc.mail-1.a.com', 's1._domainkey.mail-1.a.com']) {
    lab.lab.names.set(name, { fault: 'dns/timed-out' })
  }
  await lab.submitted(lab.mail1, mailOf('there'))
  await lab.until('mail-removed')
  expect(await results(lab)).toEqual([expect.stringMatching(/dkim=temperror.*dmarc=temperror/s)])
  await lab.lab.stop()
})

test('mail that is forwarded bears a seal, which counts where it comes to in the end', async () => {
  const scenario = checked('none')
  const forwarding = {
    ...scenario,
    hosts: scenario.hosts.map((host) => ({
      ...host,
      ...(host.host === 'mail-2.a.com' && {
        aliases: [
          { address: 'fwd@mail-2.a.com', members: [{ localPart: 'user', domain: 'mail-1.a.com' }] },
        ],
      }),
    })),
  }
  const lab = await labWith(forwarding)
  lab.mail2.setSigningKeys([keyOf('mail-2.a.com')])
  lab.lab.names.set('s1._domainkey.mail-2.a.com', { txt: [keyRecord(keyOf('mail-2.a.com'))] })
  await lab.submitted(lab.mail1, mailOf('there'), ['fwd@mail-2.a.com'])
  await lab.until('mail-removed', 2)
  const [mail = ''] = await lab.maildrop(lab.mail1)
  expect(mail).toMatch(/^ARC-Seal: i=1;.* cv=none;/m)
  expect(mail).toMatch(/^Authentication-Results: mail-1\.a\.com;[\s\S]*? arc=pass;/m)
  await lab.lab.stop()
})

test('property: a run with the same seed is the same run', async () => {
  const runs = await Promise.all(
    [1, 2].map(async () => {
      const lab = await labWith(checked('none'))
      await lab.submitted(lab.mail1, mailOf('there'))
      await lab.until('mail-removed')
      const said = await lab.maildrop(lab.mail2)
      await lab.lab.stop()
      return said
    }),
  )
  expect(runs[0]).toEqual(runs[1])
})
