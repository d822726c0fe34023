/** What a picture may be and leave out, by the words in which people ask for it. */

/** How much a sequence diagram says. */
export const DETAILS = ['packets', 'messages', 'journeys'] as const
export type Detail = (typeof DETAILS)[number]

export const SEQUENCE_FORMS = ['mermaid', 'svg', 'text'] as const
export type SequenceForm = (typeof SEQUENCE_FORMS)[number]

/** Those that have one form, SVG. */
export const CHARTS = ['space-time', 'link-use', 'queues', 'contacts'] as const
export type Chart = (typeof CHARTS)[number]

/** Those that a filter may name. */
export const PROTOCOLS = [
  'smtp',
  'imap',
  'pop3',
  'tls',
  'tcp',
  'udp',
  'dns',
  'bp',
  'tcpcl',
  'stcp',
  'mtcp',
] as const
