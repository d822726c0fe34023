/** An SMTP server that says whatever a test wants it to say, on the port of a lab's second host. */

import { fromLatin1, toLatin1 } from '../../src/base/bytes.ts'
import { addMs } from '../../src/base/time.ts'
import type { TestLab } from './lab.ts'

export const SCRIPTED_PORT = 2525

/** What it says to a line, at once or later; `''`: nothing. */
export type Said = string | { readonly words: string; readonly afterMs: number }

export interface Seen {
  /** With the number of their connection before them; `(connected)` comes first. */
  readonly lines: string[]
  /** Connections that there have been, and that there are. */
  count: number
  open: number
}

export async function scripted(
  lab: TestLab,
  reply: (line: string, connection: number) => Said,
  ports: readonly number[] = [SCRIPTED_PORT],
): Promise<Seen> {
  const seen: Seen = { lines: [], count: 0, open: 0 }
  const { clock, network } = lab.mail2.machine
  for (const port of ports) {
    await lab.lab.perform(
      network.listen({ host: '0.0.0.0', port }, (stream) => {
        const connection = ++seen.count
        seen.open++
        let text = ''
        const say = (line: string): void => {
          seen.lines.push(`${connection} ${line}`)
          const said = reply(line, connection)
          const { words, afterMs } = typeof said === 'string' ? { words: said, afterMs: 0 } : said
          const send = (): void => stream.send(fromLatin1(`${words}\r\n`))
          if (afterMs > 0) clock.at(addMs(clock.now(), afterMs), send)
          else if (words !== '') send()
          // A handshake that comes to nothing.
          if (line === 'QUIT' || line === 'STARTTLS') stream.close()
        }
        stream.onBytes = (bytes) => {
          text += toLatin1(bytes)
          const lines = text.split('\r\n')
          text = lines.pop() ?? ''
          for (const line of lines) say(line)
        }
        stream.onEnd = () => {
          seen.open--
        }
        say('(connected)')
      }),
    )
  }
  return seen
}

/** Of one that takes everything, and offers this. */
export function friendly(line: string, offers: readonly string[] = []): string {
  if (line === '(connected)') return '220 b.com'
  if (line === 'DATA') return '354 go on'
  if (line.startsWith('EHLO'))
    return `${offers.map((offer) => `250-${offer}\r\n`).join('')}250 b.com`
  return /^(MAIL|RCPT|RSET|\.$)/.test(line) ? '250 2.0.0 ok' : line === 'QUIT' ? '221 bye' : ''
}
