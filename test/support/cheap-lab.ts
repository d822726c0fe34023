import type { MailHostOptions } from '../../src/bridge/mail-host-options.ts'
import type { Scenario } from '../../src/config/scenario.ts'
import { earthMoon } from './lab.ts'

/** The default scenario, its first host with more options. */
export function nearHost(
  more: Partial<MailHostOptions>,
  change: Parameters<typeof earthMoon>[0] = {},
): Scenario {
  const scenario = earthMoon(change)
  const [near, ...others] = scenario.hosts
  if (near === undefined) throw new Error('a scenario without hosts')
  return { ...scenario, hosts: [{ ...near, ...more }, ...others] }
}
