/** The admin programs in the order in which ION starts a node. */

import type { Program } from './grammar.ts'
import { BPADMIN, type BpadminCommand } from './programs/bpadmin.ts'
import { DTPCADMIN, type DtpcadminCommand } from './programs/dtpcadmin.ts'
import { IONADMIN, type IonadminCommand } from './programs/ionadmin.ts'
import { IONCONFIG, type IonconfigCommand } from './programs/ionconfig.ts'
import { IONSECADMIN, type IonsecadminCommand } from './programs/ionsecadmin.ts'
import { IPNADMIN, type IpnadminCommand } from './programs/ipnadmin.ts'
import { LTPADMIN, type LtpadminCommand } from './programs/ltpadmin.ts'

/** Told apart by the program they are for: `1` is a command of most. */
export type IonCommand =
  | { readonly program: 'ionadmin'; readonly command: IonadminCommand }
  | { readonly program: 'ionconfig'; readonly command: IonconfigCommand }
  | { readonly program: 'ionsecadmin'; readonly command: IonsecadminCommand }
  | { readonly program: 'ltpadmin'; readonly command: LtpadminCommand }
  | { readonly program: 'bpadmin'; readonly command: BpadminCommand }
  | { readonly program: 'ipnadmin'; readonly command: IpnadminCommand }
  | { readonly program: 'dtpcadmin'; readonly command: DtpcadminCommand }

export type ProgramName = IonCommand['program']

export const PROGRAMS: Readonly<Record<ProgramName, Program>> = {
  ionadmin: IONADMIN,
  ionconfig: IONCONFIG,
  ionsecadmin: IONSECADMIN,
  ltpadmin: LTPADMIN,
  bpadmin: BPADMIN,
  ipnadmin: IPNADMIN,
  dtpcadmin: DTPCADMIN,
}

export const PROGRAM_NAMES: readonly string[] = Object.keys(PROGRAMS)

export function isProgramName(name: string): name is ProgramName {
  return Object.hasOwn(PROGRAMS, name)
}

/** Every program that `ionstart` knows, in the order in which it runs their sections. */
export const START_ORDER = [
  'ionadmin',
  'ionsecadmin',
  'bpsecadmin',
  'ltpsecadmin',
  'ltpadmin',
  'acsadmin',
  'bpadmin',
  'cfdpadmin',
  'ipnadmin',
  'bibeadmin',
  'dtn2admin',
  'dtpcadmin',
  'imcadmin',
  'bssadmin',
] as const
