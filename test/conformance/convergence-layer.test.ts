import { concat, toHex } from '../../src/base/bytes.ts'
import { wallMs } from '../../src/base/time.ts'
import { stcpConvergenceLayer } from '../../src/dtn/stcp.ts'
import { tcpclConvergenceLayer } from '../../src/dtn/tcpcl.ts'
import { udpConvergenceLayer } from '../../src/dtn/udp.ts'
import { labIdentity, labTrust } from '../../src/lab/certificate.ts'
import { encodeMessage } from '../../src/proto/tcpcl/codec.ts'
import { encodeContactHeader, type TcpclVersion } from '../../src/proto/tcpcl/contact-header.ts'
import { encodeMessage3 } from '../../src/proto/tcpcl/version3.ts'
import { describeConvergenceLayer, type LayerTraits } from './convergence-layer.ts'

const noBytes = new Uint8Array(0)
const events = (): void => {}

describeConvergenceLayer('udp', {
  make: ({ listen, network, clock }) => udpConvergenceLayer({ listen }, network, clock),
  carrier: 'datagram',
  doneWhen: 'sent',
  refusals: 'untold',
  killers: ['', '00', '06', '16', '00000000', 'a100'],
})

for (const framing of ['stcp', 'mtcp'] as const) {
  describeConvergenceLayer(framing, {
    make: ({ listen, network, clock }) =>
      stcpConvergenceLayer({ framing, listen }, { network, clock, events }),
    carrier: 'stream',
    doneWhen: 'sent',
    refusals: 'untold',
    killers:
      framing === 'stcp'
        ? ['ffffffff', '7fffffff9f']
        : ['5b1000000000000000', '5bffffffffffffffff', '5f', '83', '1b1000000000000000'],
  })
}

function tcpcl(versions: readonly [TcpclVersion, ...TcpclVersion[]]): LayerTraits['make'] {
  return ({ listen, network, clock }) =>
    tcpclConvergenceLayer({ nodeId: 'ipn:2.0', versions, listen }, { network, clock, events })
}

const hello4 = concat(
  encodeContactHeader({ version: 4, flags: 0 }),
  encodeMessage({
    type: 'sess-init',
    keepaliveSec: 0,
    segmentMru: 65_536n,
    transferMru: 65_536n,
    nodeId: '',
    extensions: noBytes,
  }),
)
const segment4 = encodeMessage({
  type: 'xfer-segment',
  flags: 3,
  transferId: 0n,
  extensions: noBytes,
  dataLength: 2n ** 60n,
})

describeConvergenceLayer('tcpcl, version 4', {
  make: tcpcl([4, 3]),
  carrier: 'stream',
  doneWhen: 'accepted',
  refusals: 'told',
  killers: [
    '474554202f20485454502f312e30',
    '64746e2105',
    toHex(concat(hello4, segment4)),
    toHex(concat(hello4, Uint8Array.of(0x08))),
    toHex(concat(encodeContactHeader({ version: 4, flags: 1 }), segment4)),
    `${toHex(hello4.subarray(0, 25))}ffffffffffffffffffff`,
  ],
})

const names = { dns: [], ip: [], nodeIds: ['ipn:2.0'] }
const validity = { from: wallMs(0), until: wallMs(4_000_000_000_000) }
const canTls = encodeContactHeader({ version: 4, flags: 1 })

describeConvergenceLayer('tcpcl, version 4 over TLS', {
  make: ({ listen, network, clock }) =>
    tcpclConvergenceLayer(
      {
        nodeId: 'ipn:2.0',
        listen,
        tls: {
          policy: 'require',
          authentication: 'node-id',
          identity: labIdentity('authority', names, validity),
          trust: labTrust('authority'),
        },
      },
      { network, clock, events },
    ),
  carrier: 'stream',
  doneWhen: 'accepted',
  refusals: 'told',
  killers: [
    '474554202f20485454502f312e30',
    toHex(hello4),
    toHex(encodeContactHeader({ version: 3, flags: 1, keepaliveSec: 15, nodeId: 'ipn:9.0' })),
    toHex(concat(canTls, hello4.subarray(6))),
    toHex(concat(canTls, Uint8Array.of(0x16, 3, 3, 0xff, 0xff))),
  ],
})

const hello3 = encodeContactHeader({ version: 3, flags: 1, keepaliveSec: 15, nodeId: 'ipn:9.0' })

describeConvergenceLayer('tcpcl, version 3', {
  make: tcpcl([3, 4]),
  carrier: 'stream',
  doneWhen: 'accepted',
  refusals: 'told',
  killers: [
    '64746e2102',
    '64746e210301000fffffffffffffffffffff7f',
    toHex(
      concat(hello3, encodeMessage3({ type: 'data-segment', flags: 3, dataLength: 2n ** 60n })),
    ),
    toHex(concat(hello3, Uint8Array.of(0x10, 1, 0x9f))),
    toHex(concat(hello3, Uint8Array.of(0x70))),
  ],
})
