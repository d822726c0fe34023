/** A mail program of the user of one host: reads the mailbox now and then, one session at a time. */

import { toLatin1 } from '../../base/bytes.ts'
import { asFault } from '../../base/fault.ts'
import type { Disk } from '../../ports/disk.ts'
import { HOMES } from '../machine.ts'
import { fetchMail, type MailUserPorts } from '../mail-user.ts'
import { type SeenMessage, visitByImap } from './imap-visit.ts'
import type { Ledger } from './ledger.ts'
import { readMail, readMailBytes, type SightedMail } from './sighted-mail.ts'
import { addressOf, IMAP_PORT, POP3_PORT, USER } from './stage.ts'
import type { TrialHost, TrialVisit } from './trial.ts'

export class MailboxVisitor {
  readonly #host: TrialHost
  readonly #ports: MailUserPorts
  readonly #ledger: Ledger
  #last: Promise<void> = Promise.resolve()

  constructor(host: TrialHost, ports: MailUserPorts, ledger: Ledger) {
    this.#host = host
    this.#ports = ports
    this.#ledger = ledger
  }

  /** After those before it. A session that is cut, or refused, is over; another comes some day. */
  visit(
    visit: Pick<TrialVisit, 'protocol' | 'removes'>,
    demand: 'may fail' | 'must succeed' = 'may fail',
  ): Promise<void> {
    const done = this.#last.then(() =>
      visit.protocol === 'imap' ? this.#byImap(visit.removes) : this.#byPop3(visit.removes),
    )
    this.#last = done.catch((error) => {
      const { message } = asFault(error)
      if (demand === 'must succeed') this.#ledger.violated('lost', `no session: ${message}`)
    })
    return this.#last
  }

  /** What is in the mailbox, whatever its index says. */
  async lookAtFiles(disk: Disk): Promise<void> {
    const mails: SightedMail[] = []
    for (const folder of ['new', 'cur']) {
      const directory = `${HOMES}/${USER.user}/Maildir/${folder}`
      if ((await disk.stat(directory)) === undefined) continue
      for (const name of await disk.list(directory)) {
        const reader = await disk.open(`${directory}/${name}`)
        mails.push(readMailBytes(await reader.read(0, reader.sizeBytes)))
        await reader.close()
      }
    }
    this.#ledger.sawMails(this.#host.number, mails)
  }

  async #byImap(removes: boolean): Promise<void> {
    const { number } = this.#host
    let identities: readonly string[] = []
    await visitByImap(
      { host: addressOf(this.#host), port: IMAP_PORT },
      USER,
      this.#ports,
      (sight) => {
        this.#ledger.sawByImap(number, sight)
        identities = removes ? sight.messages.map(identityOf) : []
        this.#ledger.removes(number, identities)
      },
      () => removes,
    )
    this.#ledger.removed(number, identities)
  }

  async #byPop3(removes: boolean): Promise<void> {
    const { number } = this.#host
    const identities = new Set<string>()
    const mails = await fetchMail(
      { host: addressOf(this.#host), port: POP3_PORT },
      USER,
      this.#ports,
      ({ message }) => {
        if (!removes) return false
        identities.add(readMailBytes(message).identity)
        this.#ledger.removes(number, [...identities])
        return true
      },
    )
    this.#ledger.sawByPop3(
      number,
      mails.map(({ uid = '', message }) => ({ uniqueId: uid, text: toLatin1(message) })),
    )
    this.#ledger.removed(number, [...identities])
  }
}

function identityOf({ text }: SeenMessage): string {
  return readMail(text).identity
}
