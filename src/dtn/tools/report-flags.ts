import type { StatusKind } from '../../proto/bpv7/status-report.ts'

const KINDS: Readonly<Record<string, StatusKind>> = {
  rcv: 'received',
  fwd: 'forwarded',
  dlv: 'delivered',
  del: 'deleted',
}

/** Of `rcv,fwd,dlv,del`; `ct` and `ctr` ask for custody, which version 7 of the protocol has not. */
export function reportKinds(flags: string): readonly StatusKind[] {
  const kinds = flags.split(',').flatMap((flag) => {
    const kind = Object.hasOwn(KINDS, flag) ? KINDS[flag] : undefined
    return kind ?? []
  })
  return [...new Set(kinds)]
}
