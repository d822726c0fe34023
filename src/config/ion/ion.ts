/** ION's configuration files as a node, or as the list of everything that is wrong with them. */

import { Fault } from '../../base/fault.ts'
import type { WallMs } from '../../base/time.ts'
import { applySteps } from './apply.ts'
import type { Draft } from './draft.ts'
import type { IonFaultCode } from './fault.ts'
import type { IonNode } from './ion-node.ts'
import { formatNotice, type Notice, type Problem } from './problem.ts'
import { type ReadFile, type ReadUnit, readText } from './read.ts'
import type { IonSource } from './sections.ts'

export interface IonReading {
  /** In the order in which ION runs them, with what they pull in. */
  readonly units: readonly ReadUnit[]
  /** What the lines that can be read say; undefined where none says which node it is. */
  readonly node: IonNode | undefined
  /** The same in the making, for the lines that come while it runs. */
  readonly draft: Draft
  /** In the order of the files and their lines. */
  readonly problems: readonly Problem[]
  /** What is right and changes nothing, or is read otherwise than ION reads it. */
  readonly notices: readonly Notice[]
}

export interface ReadIonOptions {
  readonly readFile: ReadFile
  /** When the node is started: relative times count from it. */
  readonly startedAt: WallMs
  /** Chooses among the sections of a combined file, as `ionstart -t` does. */
  readonly tag?: string
}

/** Throws nothing, whatever the texts. */
export function readIon(sources: readonly IonSource[], options: ReadIonOptions): IonReading {
  const text = readText(sources, options)
  const { draft, notices } = applySteps(text, options.startedAt)
  const files = [...sources, ...text.units].map(({ file }) => file)
  const inOrder = <T extends Notice>(notices: readonly T[]): readonly T[] =>
    [...notices].sort(
      (a, b) =>
        files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line || a.column - b.column,
    )
  return {
    units: text.units,
    node: draft.finish(),
    draft,
    problems: inOrder([...text.problems, ...draft.problems]),
    notices: inOrder([...text.notices, ...notices]),
  }
}

/** All of `problems` in one, a line each; undefined where there are none. */
export function faultOf(problems: readonly Problem[]): Fault<IonFaultCode> | undefined {
  const [first] = problems
  if (first === undefined) return undefined
  return new Fault(first.code, problems.map(formatNotice).join('\n'), { temporary: false })
}
