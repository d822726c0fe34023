import fc from 'fast-check'
import { expect, it } from 'vitest'
import { wallMs } from '../base/time.ts'
import { JobTable } from './job-table.ts'
import { formatNextHop, type NextHop } from './next-hop.ts'
import type { Job, QueuedMail } from './queue-job.ts'

const HOPS: readonly NextHop[] = [
  { transport: 'local' },
  { transport: 'bp', nextHop: 'ipn:3.2525' },
  { transport: 'bp', nextHop: 'ipn:4.2525' },
  { transport: 'smtp', host: 'b.com' },
  { transport: 'smtp', host: 'c.com' },
]

function mailOf(queueId: string): QueuedMail {
  const acceptedAt = wallMs(0)
  return {
    ...{ queueId, acceptedAt, releaseAt: acceptedAt, returnAt: undefined, warnAt: undefined },
    ...{ priority: 0, unsettled: 1, decisions: 0, isHeld: false, isWarned: false },
    ...{ turn: undefined, verdict: undefined, jobs: new Map() },
  }
}

function jobOf(mail: QueuedMail, hop: NextHop | undefined): Job {
  const hopName = hop === undefined ? 'unroutable' : formatNextHop(hop)
  return {
    ...{ id: `${mail.queueId} ${hopName}`, mail, hop, hopName, waiting: [0], isEnding: false },
    ...{ isActive: false, ended: undefined, reasons: undefined, times: undefined },
    untried: undefined,
  }
}

function depths(table: JobTable): Record<string, unknown> {
  return Object.fromEntries(table.depths)
}

it('counts far gateways one by one, and all servers of one transport together', () => {
  const table = new JobTable()
  const mail = mailOf('A')
  for (const hop of [...HOPS, undefined]) table.add(jobOf(mail, hop))
  const one = { active: 0, deferred: 1, hold: 0 }
  expect(depths(table)).toEqual({
    ...{ local: one, 'bp:ipn:3.2525': one, 'bp:ipn:4.2525': one, unroutable: one },
    smtp: { ...one, deferred: 2 },
  })
})

it('counts what is under way as held while its mail is, and as under way after', () => {
  const table = new JobTable()
  const mail = mailOf('A')
  const job = jobOf(mail, undefined)
  expect([table.add(job), table.add(job)]).toEqual([true, false])
  table.setHeld(mail, true)
  table.setActive(job, true)
  expect(depths(table)).toEqual({ unroutable: { active: 0, deferred: 0, hold: 1 } })
  table.setHeld(mail, false)
  expect(depths(table)).toEqual({ unroutable: { active: 1, deferred: 0, hold: 0 } })
  expect(table.drop(job)).toBe(true)
  expect([table.mailCount, depths(table)]).toEqual([0, {}])
})

it('property: the counts are those of the jobs that are there, in their states', () => {
  const what = fc.constantFrom('add', 'drop', 'active', 'idle', 'hold', 'release')
  const step = fc.tuple(what, fc.nat({ max: 3 }), fc.nat({ max: HOPS.length - 1 }))
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const table = new JobTable()
      const mails = ['A', 'B', 'C', 'D'].map(mailOf)
      const jobs = mails.map((mail) => HOPS.map((hop) => jobOf(mail, hop)))
      for (const [kind, m, h] of steps) {
        const [mail, job] = [mails[m], jobs[m]?.[h]]
        if (mail === undefined || job === undefined) continue
        const isThere = table.job(job.id) === job
        if (kind === 'add') table.add(job)
        if (kind === 'hold' || kind === 'release') table.setHeld(mail, kind === 'hold')
        if (!isThere) continue
        if (kind === 'drop') table.drop(job)
        if (kind === 'active' || kind === 'idle') table.setActive(job, kind === 'active')
      }
      const expected: Record<string, Record<string, number>> = {}
      for (const mail of mails) {
        for (const { hop, hopName, isActive } of mail.jobs.values()) {
          const route = hop?.transport === 'bp' ? hopName : (hop?.transport ?? '')
          const depth = expected[route] ?? { active: 0, deferred: 0, hold: 0 }
          const state = mail.isHeld ? 'hold' : isActive ? 'active' : 'deferred'
          expected[route] = { ...depth, [state]: (depth[state] ?? 0) + 1 }
        }
      }
      expect(depths(table)).toEqual(expected)
      expect(table.mailCount).toBe(mails.filter(({ jobs }) => jobs.size > 0).length)
    }),
  )
})
