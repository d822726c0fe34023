/** A node for programs that may send and receive items of DTPC, and do nothing else. */

import { Fault } from '../../base/fault.ts'
import type { ControlFaultCode } from './fault.ts'
import type { ControlledNode } from './service.ts'

/** All but `sendItem` and `openTopic` throws a permanent Fault. */
export function itemsOnly(node: ControlledNode): ControlledNode {
  return {
    node: node.node,
    sendItem: (item) => node.sendItem(item),
    openTopic: (topic, receive) => node.openTopic(topic, receive),
    open: refuse,
    send: refuse,
    status: refuse,
    bundles: refuse,
    administer: refuse,
    call: refuse,
  }
}

function refuse(): never {
  const message = 'at this socket items of DTPC are sent and received, and nothing else'
  throw new Fault<ControlFaultCode>('control/unavailable', message, { temporary: false })
}
