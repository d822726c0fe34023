import { expect, test } from 'vitest'
import type { Fault } from '../base/fault.ts'
import type { SocketAddress } from '../ports/network.ts'
import { bindUdp } from './udp.ts'

async function refusal(bytes: Uint8Array, to: SocketAddress): Promise<Fault | undefined> {
  const socket = await bindUdp({ host: '0.0.0.0', port: 0 })
  const fault = await new Promise<Fault | undefined>((sent) => socket.send(bytes, to, sent))
  await socket.close()
  return fault
}

test('what the system does not permit to send now may be permitted later', async () => {
  // A broadcast without the socket option for it: EACCES, as from a firewall's rule.
  expect(await refusal(new Uint8Array(1), { host: '127.255.255.255', port: 9 })).toMatchObject({
    code: 'network/permission-denied',
    detail: { errno: 'EACCES' },
    temporary: true,
  })
})

test('what no datagram can carry is refused for good', async () => {
  expect(await refusal(new Uint8Array(65_536), { host: '127.0.0.1', port: 9 })).toMatchObject({
    code: 'network/datagram-too-large',
    temporary: false,
  })
})
