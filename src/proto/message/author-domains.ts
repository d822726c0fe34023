import { fromLatin1, toUtf8 } from '../../base/bytes.ts'
import { parseAddressList } from './address-list.ts'
import type { HeaderField } from './header.ts'

/**
 * The domains of all authors, in lower case and each once: every `From` counts. None where one of them
 * has no domain. RFC 5322 §3.6.2.
 */
export function authorDomains(fields: readonly HeaderField[]): readonly string[] {
  const domains = fields
    .filter(({ name }) => name === 'from')
    .flatMap(({ value }) => parseAddressList(toUtf8(fromLatin1(value))))
    .flatMap(({ host }) => (host === undefined ? [] : [host.toLowerCase()]))
  return domains.includes('') ? [] : [...new Set(domains)]
}
