/** The mails in the queue, their jobs, and how many of these are in which state on the way to where. */

import { assert } from '../base/assert.ts'
import { isFarGateway } from './next-hop.ts'
import type { Job, QueuedMail } from './queue-job.ts'

/** Jobs of one route. */
export interface Depth {
  active: number
  deferred: number
  hold: number
}

export class JobTable {
  /** Those that have a job. */
  readonly #mails = new Map<string, QueuedMail>()
  readonly #jobs = new Map<string, Job>()
  /** Counted at each change, for there may be very many jobs; of routes that have one. */
  readonly #depths = new Map<string, Depth>()

  get mailCount(): number {
    return this.#mails.size
  }

  /** By route: of SMTP and LMTP all next hops in one, as there may be very many. */
  get depths(): ReadonlyMap<string, Readonly<Depth>> {
    return this.#depths
  }

  mail(queueId: string): QueuedMail | undefined {
    return this.#mails.get(queueId)
  }

  job(id: string): Job | undefined {
    return this.#jobs.get(id)
  }

  /** Without effect where it is there; true where it is the first of its mail. */
  add(job: Job): boolean {
    const known = this.#jobs.get(job.id)
    if (known === job) return false
    assert(known === undefined, `there is one job ${job.id}`)
    const { mail } = job
    const isFirst = mail.jobs.size === 0
    mail.jobs.set(job.id, job)
    this.#jobs.set(job.id, job)
    this.#mails.set(mail.queueId, mail)
    this.#count(job, 1)
    return isFirst
  }

  /** True where it was the last of its mail. */
  drop(job: Job): boolean {
    assert(this.#jobs.get(job.id) === job, `there is a job ${job.id}`)
    this.#jobs.delete(job.id)
    this.#count(job, -1)
    const route = routeOf(job)
    const depth = this.#depths.get(route)
    if (depth?.active === 0 && depth.deferred === 0 && depth.hold === 0) this.#depths.delete(route)
    const { mail } = job
    mail.jobs.delete(job.id)
    return mail.jobs.size === 0 && this.#mails.delete(mail.queueId)
  }

  /** An attempt at it, or the giving up of it, begins or is over. */
  setActive(job: Job, isActive: boolean): void {
    if (job.isActive === isActive) return
    this.#count(job, -1)
    job.isActive = isActive
    this.#count(job, 1)
  }

  setHeld(mail: QueuedMail, isHeld: boolean): void {
    if (mail.isHeld === isHeld) return
    for (const job of mail.jobs.values()) this.#count(job, -1)
    mail.isHeld = isHeld
    for (const job of mail.jobs.values()) this.#count(job, 1)
  }

  #count(job: Job, by: 1 | -1): void {
    const route = routeOf(job)
    let depth = this.#depths.get(route)
    if (depth === undefined) {
      depth = { active: 0, deferred: 0, hold: 0 }
      this.#depths.set(route, depth)
    }
    depth[job.mail.isHeld ? 'hold' : job.isActive ? 'active' : 'deferred'] += by
  }
}

function routeOf({ hop, hopName }: Job): string {
  return isFarGateway(hop) ? hopName : (hop?.transport ?? 'unroutable')
}
