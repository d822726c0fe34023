/** What we offer and what we accept. RFC 9174 §4.7. */

import { decodeExtensionItems } from './codec.ts'
import { CONTACT_FLAGS_3 } from './contact-header.ts'
import { SEGMENT_MRU_MIN } from './limits.ts'
import { EXTENSION_FLAGS, type SessInit } from './message.ts'

/** Reactive fragments would have to be made by the bundle agent, and LENGTH says nothing that we need. */
export const FLAGS_3: number = CONTACT_FLAGS_3.acknowledge | CONTACT_FLAGS_3.refuse

/** Why a session cannot be had on these terms. RFC 9174 §4.7, §4.8. */
export function objectionTo(init: SessInit): string | undefined {
  if (init.segmentMru < SEGMENT_MRU_MIN) return `the peer takes segments of ${init.segmentMru}`
  const items = decodeExtensionItems(init.extensions)
  if (!items.ok) return items.fault.message
  const critical = items.value.find(({ flags }) => (flags & EXTENSION_FLAGS.critical) !== 0)
  return critical && `the peer demands the session extension ${critical.type}`
}
