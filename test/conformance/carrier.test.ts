import type { Scenario } from '../../src/config/scenario.ts'
import type { LabDisk } from '../../src/lab/disk.ts'
import type { LabMachine } from '../../src/lab/machine.ts'
import { earthMoon, TestLab } from '../support/lab.ts'
import { bringIn, newStick, out, peers } from '../support/stick.ts'
import { type CarrierStage, carrierConformance } from './carrier.ts'

/** Longer than any wait between two attempts, and than the longest way of these tests. */
const LONG_MS = 2 * 3_600_000

function patient(scenario: Scenario, giveUpAfterMs: number | undefined): Scenario {
  if (giveUpAfterMs === undefined) return scenario
  const retry = { giveUpAfterMs, routes: [] }
  return { ...scenario, hosts: scenario.hosts.map((host) => ({ ...host, retry })) }
}

/** The link loses everything while what is to be lost is under way. */
function overTheLink(lab: TestLab, route: string): CarrierStage {
  let lost: LabMachine | undefined
  const between = [lab.mail1.options.network, lab.mail2.options.network] as const
  const lossShare = (share: number): void => lab.lab.network.setLink(between, { lossShare: share })
  return {
    ...{ lab, route },
    lose: async (from) => {
      lost = from
      if (from === lab.mail1) lossShare(1)
    },
    travel: async () => {
      if (lost === lab.mail2) {
        await lab.until('transaction-taken')
        lossShare(1)
      }
      if (lost !== undefined) await lab.runFor(LOST_MS)
      lost = undefined
      lossShare(0)
      await lab.runFor(LONG_MS)
    },
  }
}

/** Until what was sent meanwhile has been sent again. */
const LOST_MS = 5000

carrierConformance('bundles', async ({ giveUpAfterMs } = {}) =>
  overTheLink(await TestLab.start(patient(earthMoon(), giveUpAfterMs)), 'bp:ipn:3.2525'),
)

carrierConformance('HTTPS', async ({ giveUpAfterMs } = {}) =>
  overTheLink(await TestLab.start(patient(peers('https'), giveUpAfterMs)), 'https:mail-2.a.com'),
)

carrierConformance('a stick', async ({ giveUpAfterMs } = {}) => {
  const lab = await TestLab.start(patient(peers(), giveUpAfterMs))
  const lost = new Set<LabMachine>()
  const carry = async (from: LabMachine, to: LabMachine): Promise<void> => {
    const stick: LabDisk = await newStick(lab)
    await out(lab, from, stick)
    if (!lost.delete(from)) await bringIn(lab, to, stick)
  }
  return {
    ...{ lab, route: 'carry:mail-2.a.com' },
    lose: async (from) => void lost.add(from),
    travel: async () => {
      for (let rounds = 0; rounds < 3; rounds++) {
        await carry(lab.mail1, lab.mail2)
        await carry(lab.mail2, lab.mail1)
        await lab.runFor(1000)
      }
    },
  }
})
