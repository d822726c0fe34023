/** The diagram that the project began with, beside the one that is drawn of a session that took place. */

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { drawSequence } from '../../src/lab/pictures/pictures.ts'
import { played, scenarioNamed } from '../support/played.ts'

interface Arrow {
  readonly from: 'C' | 'S'
  /** What tells one message from another: see `gistOf`. */
  readonly gist: string
}

/** The arrows of a Mermaid diagram; `clients` and `servers` are the ids of both sides. */
function arrowsIn(diagram: string, client: string): readonly Arrow[] {
  return [...diagram.matchAll(/^ *(\w+)->>(\w+): (.*)$/gm)].map(([, from, , text = '']) => ({
    from: from === client ? 'C' : 'S',
    gist: gistOf(text),
  }))
}

/**
 * Without what is the author's explanation or differs from one run to the next: of a reply its code,
 * its status and that it has several lines, of commands and of the handshake all there is, of the mail that it
 * begins with its subject and ends with a dot.
 */
function gistOf(text: string): string {
  const plain = text
    .replace(/#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)))
    .replace(/ \(t=[\d.]+s\)$/, '')
    .replace(/ ?\([^()]*\)/g, '')
  if (/^Subject: /.test(plain) && plain.endsWith('<br/>.')) return 'Subject … .'
  const reply = /^(\d{3})(-| )(\d\.\d\.\d )?/.exec(plain)
  if (reply !== null) return `${reply[1]}${reply[2]}${reply[3] ?? ''}`.trim()
  // What it has in brackets depends on the keys; here it is sent. What it leaves out: a parameter of
  // MAIL (RFC 1870), and the ticket with which the client may come again (RFC 5077).
  return plain
    .replace(/[[\]]/g, '')
    .replace(/ SIZE=\d+$/, '')
    .replace(/^NewSessionTicket, (?=ChangeCipherSpec)/, '')
    .trim()
}

test('a session that took place has the messages of the diagram, in its order', async () => {
  const recording = await played(scenarioNamed('starttls'))
  const drawn = drawSequence(recording, 'messages', 'mermaid', {
    across: true,
    protocols: ['tcp', 'tls', 'smtp'],
  })
  const noted = arrowsIn(readFileSync('test/sim/starttls-note.mmd', 'utf8'), 'C')
  const ours = arrowsIn(drawn, 'mail2_com')
  expect(noted).toHaveLength(22)
  // The one thing that the diagram leaves out: once TLS is agreed, the client asks again what the
  // server can do. RFC 3207 §4.2.
  const again = ours.findIndex(({ gist }, i) => gist === 'EHLO mail2.com' && i > 6)
  expect(ours.slice(again, again + 2)).toEqual([
    { from: 'C', gist: 'EHLO mail2.com' },
    { from: 'S', gist: '250-' },
  ])
  expect(ours.toSpliced(again, 2)).toEqual(noted)
})

test('it goes through the seven phases of the diagram', async () => {
  const drawn = drawSequence(await played(scenarioNamed('starttls')), 'messages', 'mermaid', {
    across: true,
    protocols: ['tcp', 'tls', 'smtp'],
  })
  expect([...drawn.matchAll(/note over \w+,\w+: (.*)$/gm)].map(([, phase]) => phase)).toEqual([
    'Phase 1: TCP connection',
    'Phase 2: SMTP greeting and capabilities',
    'Phase 3: STARTTLS: encryption is asked for',
    'Phase 4: TLS handshake',
    'Phase 5: mail transaction (encrypted)',
    'Phase 6: mail data (encrypted)',
    'Phase 7: end of the session (encrypted)',
  ])
})

test('the handshake of TLS 1.3 has its messages, which only the lab can look into', async () => {
  const scenario = scenarioNamed('starttls')
  const recording = await played({ ...scenario, tls: { version: 'TLSv1.3', resumption: false } })
  const drawn = drawSequence(recording, 'messages', 'mermaid', {
    across: true,
    protocols: ['tls'],
  })
  expect(arrowsIn(drawn, 'mail2_com')).toEqual([
    { from: 'C', gist: 'ClientHello' },
    {
      from: 'S',
      gist: 'ServerHello, ChangeCipherSpec, EncryptedExtensions, Certificate, CertificateVerify, Finished',
    },
    { from: 'C', gist: 'ChangeCipherSpec, Finished' },
    { from: 'S', gist: 'NewSessionTicket, NewSessionTicket' },
  ])
})
