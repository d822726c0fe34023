/** The file of one node: `lightlag serve --config FILE`. */

import type { Result } from '../base/fault.ts'
import type { MailHostOptions } from '../bridge/mail-host-options.ts'
import { type PlanText as CommonPlanText, planShape } from './bundles.ts'
import type { ConfigFaultCode } from './fault.ts'
import { completeHost, type HostText, hostContradictions, hostShape } from './host.ts'
import { parseWith } from './problems.ts'
import { duration, mapping, word } from './schema.ts'
import { type TlsText, tlsContradictions, tlsShape } from './tls.ts'

export interface NodeConfig extends MailHostOptions {
  /** Where everything is kept; relative to the folder of the file that says so. */
  readonly directory: string
  /** Default: `users` in `directory`, unless there is a list of `users`. */
  readonly usersFile?: string
  /** Default: certificates of the host's own authority. */
  readonly tls?: TlsText
}

/** On failure the fault's message lists every problem, one line each. `fileName` is for these lines. */
export function parseNodeConfig(
  text: string,
  fileName: string,
): Result<NodeConfig, ConfigFaultCode> {
  const parsed = parseWith(text, fileName, nodeSchema, (node) => [
    ...hostContradictions(node, [], (plan) => plan.oneWayDelay),
    ...tlsContradictions(node.tls ?? {}, ['tls']),
  ])
  if (!parsed.ok) return parsed
  return {
    ok: true,
    value: {
      ...completeHost(parsed.value, (plan) => plan.oneWayDelay),
      directory: parsed.value.directory,
      ...(typeof parsed.value.users === 'string' && { usersFile: parsed.value.users }),
      ...(parsed.value.tls && { tls: parsed.value.tls }),
    },
  }
}

interface PlanText extends CommonPlanText {
  readonly oneWayDelay: number
}

type NodeText = HostText<PlanText> & Pick<NodeConfig, 'directory' | 'tls'>

const nodeSchema = mapping<NodeText>({
  ...hostShape(mapping<PlanText>({ ...planShape, oneWayDelay: duration })),
  directory: word('a path such as ../var/mail-1', (text) => text || undefined),
  tls: mapping<TlsText>(tlsShape).optional(),
})
