/** Two hosts of the lab between which nothing but a stick goes. */

import {
  type CarriedFile,
  type CarriedOut,
  carryIn,
  carryOut,
} from '../../src/bridge/carry-files.ts'
import { MailClient } from '../../src/bridge/mail-client.ts'
import type { Scenario } from '../../src/config/scenario.ts'
import { connectNode } from '../../src/dtn/control/node-client.ts'
import { LabDisk } from '../../src/lab/disk.ts'
import type { LabMachine } from '../../src/lab/machine.ts'
import type { Disk } from '../../src/ports/disk.ts'
import { earthMoon, type TestLab } from './lab.ts'

const CONTROL = { host: '/run/lightlag/control.sock', port: 0 }
export const SECRET = 'a secret of both sides'
export const STICK = '/media/stick'

type Host = Scenario['hosts'][number]

/** Earth and Moon as peers of each other, whose mail goes by `carry` or `https`. */
export function peers(
  by: 'carry' | 'https' = 'carry',
  change: (host: Host) => Partial<Host> = () => ({}),
): Scenario {
  const scenario = earthMoon()
  return {
    ...scenario,
    hosts: scenario.hosts.map((host) => {
      const other = host.host === 'mail-1.a.com' ? 'mail-2.a.com' : 'mail-1.a.com'
      return {
        ...host,
        peers: [{ name: other, secret: SECRET, url: { host: other, port: 8443, path: '/mail' } }],
        https: { listen: { host: host.address, port: 8443 }, oneWayDelayMs: 500 },
        transport: [{ domain: other, route: `${by}:${other}` }],
        ...change(host),
      }
    }),
  }
}

export async function newStick(lab: TestLab, capacityBytes?: number): Promise<LabDisk> {
  const { clock } = lab.mail1.machine
  const disk = new LabDisk({ clock, ...(capacityBytes !== undefined && { capacityBytes }) })
  await lab.lab.perform(disk.makeDirectory(STICK))
  return disk
}

/** What a program says to a host. */
export async function withHost<Answer>(
  lab: TestLab,
  { machine }: LabMachine,
  ask: (host: MailClient) => Promise<Answer>,
): Promise<Answer> {
  const { network, clock } = machine
  return lab.lab.perform(
    (async () => {
      const host = new MailClient(await connectNode(CONTROL, { network, clock }))
      try {
        return await ask(host)
      } finally {
        host.close()
      }
    })(),
  )
}

export function out(lab: TestLab, from: LabMachine, stick: Disk): Promise<CarriedOut> {
  return withHost(lab, from, (host) => carryOut(STICK, host, stick))
}

export async function bringIn(
  lab: TestLab,
  to: LabMachine,
  stick: Disk,
): Promise<readonly CarriedFile[]> {
  const files: CarriedFile[] = []
  await withHost(lab, to, (host) => carryIn(STICK, host, stick, (one) => files.push(one)))
  return files
}
