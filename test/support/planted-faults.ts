/** Hardware that breaks one promise that programs rely on, as a mistake of ours in its place would. */

import { fromUtf8, toUtf8 } from '../../src/base/bytes.ts'
import { addMs } from '../../src/base/time.ts'
import type { Hardware } from '../../src/lab/machine.ts'
import type { Rule } from '../../src/lab/search/ledger.ts'
import type { TrialOptions } from '../../src/lab/search/run-trial.ts'
import { ROOMY_STORE_BYTES } from '../../src/lab/search/trial.ts'
import { LabStore, type LabStoreOptions, type StoreImage } from '../../src/lab/store.ts'
import { FolderIndex } from '../../src/mail/mailbox/index-rows.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { StoreChange } from '../../src/ports/store.ts'

/** Says that commits are on the disk a second before they are. */
class AcknowledgesBeforeFlush extends LabStore {
  readonly #platter: LabStore

  constructor(options: LabStoreOptions, image: StoreImage | undefined) {
    super(options, image)
    const copy = new LabStore({}, image).crash()
    const { latency } = options
    this.#platter = new LabStore(latency ? { latency: { ...latency, durationMs: 1000 } } : {}, copy)
  }

  override async commit(changes: readonly StoreChange[]): Promise<void> {
    await super.commit(changes)
    void this.#platter.commit(changes)
  }

  override crash(): StoreImage {
    super.crash()
    return this.#platter.crash()
  }
}

/** Keeps nothing of the transactions that a gateway has taken. */
class ForgetsDuplicates extends LabStore {
  override commit(changes: readonly StoreChange[]): Promise<void> {
    return super.commit(changes.filter(({ table }) => table !== 'bridge-taken'))
  }
}

/** After a crash, mailboxes no longer know of UIDs above those of the messages that are left. */
class ReusesUids extends LabStore {
  override crash(): StoreImage {
    const image = super.crash()
    const left = new LabStore({}, image)
    for (const { key } of [...left.range('mailbox', {})]) {
      const [id = '', row] = key.split('/')
      if (row !== 'h') continue
      const index = FolderIndex.load(left, id)
      const value = left.get('mailbox', key)
      if (index === undefined || value === undefined) continue
      const uidNext = 1 + Math.max(0, ...index.rows.uids)
      const head = fromUtf8(JSON.stringify({ ...JSON.parse(toUtf8(value)), uidNext }))
      void left.commit([{ table: 'mailbox', key, value: head }])
    }
    return image
  }
}

/** Of every so many timers one never goes off. */
function losesTimers(clock: Clock): Clock {
  let count = 0
  return {
    now: () => clock.now(),
    wall: () => clock.wall(),
    ...(clock.onSet && { onSet: (callback) => clock.onSet?.(callback) ?? (() => {}) }),
    at: (at, callback) => {
      const isLost = at > addMs(clock.now(), 1000) && ++count % 5 === 0
      return isLost ? () => {} : clock.at(at, callback)
    },
  }
}

interface Planted extends Pick<TrialOptions, 'told'> {
  readonly hardware?: Hardware
  /** Which of its promises a host with it may break first. */
  readonly rules: readonly Rule[]
}

export const PLANTED_FAULTS: Readonly<Record<string, Planted>> = {
  'acknowledges before flush': {
    hardware: { store: (...made) => new AcknowledgesBeforeFlush(...made) },
    rules: ['lost', 'twice'],
  },
  'forgets a duplicate': {
    hardware: { store: (...made) => new ForgetsDuplicates(...made) },
    rules: ['twice'],
  },
  'skips a bound': {
    told: (scenario) => ({
      ...scenario,
      hosts: scenario.hosts.map((host) => ({
        ...host,
        limits: { ...host.limits, storeBytesMax: ROOMY_STORE_BYTES },
      })),
    }),
    rules: ['bound'],
  },
  'reuses a UID': {
    hardware: { store: (...made) => new ReusesUids(...made) },
    rules: ['uid'],
  },
  'loses a timer': { hardware: { clock: losesTimers }, rules: ['drain', 'lost'] },
}
