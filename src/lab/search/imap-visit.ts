/** What a mail program sees of an INBOX by IMAP, and what it removes. */

import { fromLatin1, toLatin1 } from '../../base/bytes.ts'
import { Fault } from '../../base/fault.ts'
import type { ByteStream, SocketAddress } from '../../ports/network.ts'
import type { LabFaultCode } from '../fault.ts'
import { CONNECT_TIMEOUT_MS } from '../limits.ts'
import type { MailUserPorts } from '../mail-user.ts'

export interface InboxSight {
  readonly uidValidity: number
  readonly uidNext: number
  readonly messages: readonly SeenMessage[]
}

export interface SeenMessage {
  readonly uid: number
  readonly text: string
}

/**
 * Reads all; then removes those of which `unwanted` says so. `told` hears what there is before
 * anything is removed. Resolves once the server has said that they are gone; rejects with a Fault.
 */
export async function visitByImap(
  server: SocketAddress,
  { user, password }: { readonly user: string; readonly password: string },
  { network }: MailUserPorts,
  told: (sight: InboxSight) => void,
  unwanted: (message: SeenMessage) => boolean,
): Promise<void> {
  const session = new ImapSession(await network.connect(server, CONNECT_TIMEOUT_MS))
  await session.until(/^\* OK .*\r\n/)
  await session.command(`LOGIN ${user} ${password}`)
  const selected = await session.command('SELECT INBOX')
  const number = (code: string): number =>
    Number(new RegExp(`\\[${code} (\\d+)\\]`).exec(selected)?.[1])
  const messages = /\* 0 EXISTS/.test(selected) ? [] : messagesIn(await session.command(FETCH_ALL))
  told({ uidValidity: number('UIDVALIDITY'), uidNext: number('UIDNEXT'), messages })
  const uids = messages.filter(unwanted).map(({ uid }) => uid)
  if (uids.length > 0) {
    await session.command(`UID STORE ${uids.join(',')} +FLAGS.SILENT (\\Deleted)`)
    await session.command('EXPUNGE')
  }
  await session.command('LOGOUT')
}

const FETCH_ALL = 'UID FETCH 1:* (BODY.PEEK[])'

function messagesIn(answer: string): readonly SeenMessage[] {
  const messages: SeenMessage[] = []
  const head = /\* \d+ FETCH \(UID (\d+) BODY\[\] \{(\d+)\}\r\n/g
  for (let found = head.exec(answer); found !== null; found = head.exec(answer)) {
    const end = head.lastIndex + Number(found[2])
    messages.push({ uid: Number(found[1]), text: answer.slice(head.lastIndex, end) })
    head.lastIndex = end
  }
  return messages
}

/** One command at a time. */
class ImapSession {
  readonly #stream: ByteStream
  #received = ''
  #isEnded = false
  #tag = 0
  #heard = (): void => {}

  constructor(stream: ByteStream) {
    this.#stream = stream
    stream.onBytes = (bytes) => {
      this.#received += toLatin1(bytes)
      this.#heard()
    }
    stream.onEnd = () => {
      this.#isEnded = true
      this.#heard()
    }
  }

  /** Its answer; rejects where that is not OK. */
  async command(text: string): Promise<string> {
    const tag = `a${++this.#tag}`
    this.#stream.send(fromLatin1(`${tag} ${text}\r\n`))
    const answer = await this.until(new RegExp(`(?:^|\\n)${tag} .*\\r\\n$`))
    if (!answer.includes(`${tag} OK`)) throw failed(`${text}: ${answer}`)
    return answer
  }

  async until(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.#received)) {
      if (this.#isEnded) throw failed('the session was cut')
      await new Promise<void>((resolve) => {
        this.#heard = resolve
      })
    }
    const received = this.#received
    this.#received = ''
    return received
  }
}

function failed(text: string): Fault<LabFaultCode> {
  return new Fault('lab/not-retrieved', text, { temporary: true })
}
