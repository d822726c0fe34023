/** SORT and THREAD. RFC 5256. */

import type { EnvelopeAddress } from '../../proto/message/envelope.ts'
import { parseMessageIds } from '../../proto/message/message-id.ts'
import type { BaseSubject } from '../../proto/message/subject.ts'
import type { Uid } from './mailbox.ts'
import type { RowData } from './row-pages.ts'
import type { SortKey, ThreadNode } from './search.ts'
import type { Summary } from './summary.ts'

export interface Sortable {
  readonly row: RowData
  readonly summary: Summary
}

/** By the sequence where all keys are equal. RFC 5256 §3. */
export function sortMessages(
  messages: readonly Sortable[],
  order: readonly SortKey[],
): readonly Uid[] {
  const keyed = messages.map((one) => ({
    uid: one.row.uid,
    keys: order.map(({ by }) => sortValue(one, by)),
  }))
  keyed.sort((a, b) => {
    for (const [i, { isReverse }] of order.entries()) {
      const compared = compare(a.keys[i] as string | number, b.keys[i] as string | number)
      if (compared !== 0) return isReverse ? -compared : compared
    }
    return a.uid - b.uid
  })
  return keyed.map(({ uid }) => uid)
}

function sortValue({ row, summary }: Sortable, by: SortKey['by']): string | number {
  switch (by) {
    case 'arrival':
      return row.dateMs
    case 'size':
      return row.sizeBytes
    case 'date':
      return sentAt({ row, summary })
    case 'subject':
      return summary.subject.text
    case 'from':
      return firstMailbox(summary.envelope.from)
    case 'to':
      return firstMailbox(summary.envelope.to)
    case 'cc':
      return firstMailbox(summary.envelope.cc)
  }
}

function firstMailbox(addresses: readonly EnvelopeAddress[] | undefined): string {
  return (addresses?.[0]?.mailbox ?? '').toLowerCase()
}

/** The internal date stands in for one that is missing. RFC 5256 §2.2. */
function sentAt({ row, summary }: Sortable): number {
  return summary.sent?.at ?? row.dateMs
}

function compare(a: string | number, b: string | number): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

/** RFC 5256 §3, "ORDEREDSUBJECT". */
export function threadBySubject(messages: readonly Sortable[]): readonly ThreadNode[] {
  const threads = new Map<string, Sortable[]>()
  for (const one of [...messages].sort(bySentDate)) {
    const { text } = one.summary.subject
    const thread = threads.get(text)
    if (thread === undefined) threads.set(text, [one])
    else thread.push(one)
  }
  return [...threads.values()].map(([first, ...others]) => ({
    uid: (first as Sortable).row.uid,
    children: others.map(({ row }) => ({ uid: row.uid, children: [] })),
  }))
}

function bySentDate(a: Sortable, b: Sortable): number {
  return sentAt(a) - sentAt(b) || a.row.uid - b.row.uid
}

interface Node {
  message: Sortable | undefined
  parent: Node | undefined
  readonly children: Set<Node>
}

/** RFC 5256 §3, "REFERENCES", steps 1 to 6. */
export function threadByReferences(messages: readonly Sortable[]): readonly ThreadNode[] {
  const roots = linked(messages).flatMap(pruned)
  sortNodes(roots)
  const merged = mergeSubjects(roots)
  sortNodes(merged)
  return merged.map(asThread)
}

/** Step 1: who answers whom, without circles. */
function linked(messages: readonly Sortable[]): Node[] {
  const byId = new Map<string, Node>()
  const all: Node[] = []
  const nodeOf = (id: string): Node => {
    const known = byId.get(id)
    if (known !== undefined) return known
    const node: Node = { message: undefined, parent: undefined, children: new Set() }
    byId.set(id, node)
    all.push(node)
    return node
  }
  for (const message of messages) {
    const { summary } = message
    const { references, messageId: id } = summary
    let node = id === undefined ? undefined : nodeOf(id)
    if (node === undefined || node.message !== undefined) {
      node = { message: undefined, parent: undefined, children: new Set() }
      all.push(node)
    }
    node.message = message
    const before =
      references.length > 0
        ? references
        : parseMessageIds(summary.field('in-reply-to') ?? '').slice(0, 1)
    let parent: Node | undefined
    for (const reference of before) {
      const next = nodeOf(reference)
      if (parent !== undefined && next.parent === undefined) adopt(parent, next)
      parent = next
    }
    if (parent !== undefined) {
      const former = node.parent
      former?.children.delete(node)
      node.parent = undefined
      if (!adopt(parent, node) && former !== undefined) adopt(former, node)
    }
  }
  return all.filter((node) => node.parent === undefined)
}

function adopt(parent: Node, child: Node): boolean {
  for (let above: Node | undefined = parent; above !== undefined; above = above.parent) {
    if (above === child) return false
  }
  child.parent = parent
  parent.children.add(child)
  return true
}

/** Step 3: nodes without message give way to their children; at the top only to one. From below, without recursion. */
function pruned(root: Node): Node[] {
  const order = below(root)
  for (const node of order.reverse()) {
    const { parent } = node
    if (node.message !== undefined || (parent === undefined && node.children.size > 1)) continue
    for (const child of node.children) child.parent = parent
    if (parent !== undefined) {
      parent.children.delete(node)
      for (const child of node.children) parent.children.add(child)
    }
  }
  if (root.message !== undefined || root.children.size > 1) return [root]
  return [...root.children]
}

function below(root: Node): Node[] {
  const order = [root]
  for (let i = 0; i < order.length; i++) {
    for (const child of (order[i] as Node).children) order.push(child)
  }
  return order
}

/** Steps 4 and 6: by the sent date, an empty node by that of its first child. */
function sortNodes(nodes: Node[]): void {
  const all = nodes.flatMap(below)
  for (const node of all.reverse()) {
    if (node.children.size < 2) continue
    const children = [...node.children].sort(byFirstDate)
    node.children.clear()
    for (const child of children) node.children.add(child)
  }
  nodes.sort(byFirstDate)
}

function byFirstDate(a: Node, b: Node): number {
  return bySentDate(firstMessage(a), firstMessage(b))
}

function firstMessage(node: Node): Sortable {
  let first = node
  while (first.message === undefined) [first] = first.children as unknown as [Node]
  return first.message
}

/** Step 5: threads of one subject become one. */
function mergeSubjects(roots: readonly Node[]): Node[] {
  const bySubject = new Map<string, Node>()
  const subjects = new Map(roots.map((node) => [node, firstMessage(node).summary.subject]))
  for (const node of roots) {
    const subject = subjects.get(node) as BaseSubject
    if (subject.text === '') continue
    const held = bySubject.get(subject.text)
    const isBetter =
      held === undefined ||
      (node.message === undefined && held.message !== undefined) ||
      ((subjects.get(held) as BaseSubject).isReplyOrForward &&
        !subject.isReplyOrForward &&
        held.message !== undefined)
    if (isBetter) bySubject.set(subject.text, node)
  }
  const absorbed = new Set<Node>()
  const result: Node[] = []
  for (const node of roots) {
    const subject = subjects.get(node) as BaseSubject
    const held = bySubject.get(subject.text)
    if (held === undefined || held === node) {
      result.push(node)
      continue
    }
    if (held.message === undefined && node.message === undefined) {
      for (const child of node.children) held.children.add(child)
    } else if (held.message === undefined || mayAnswer(subject, subjects.get(held))) {
      held.children.add(node)
    } else {
      const both: Node = { message: undefined, parent: undefined, children: new Set([held, node]) }
      absorbed.add(held)
      result.push(both)
      bySubject.set(subject.text, both)
    }
  }
  return result.filter((node) => !absorbed.has(node))
}

function mayAnswer(subject: BaseSubject, held: BaseSubject | undefined): boolean {
  return subject.isReplyOrForward && held?.isReplyOrForward === false
}

/** From below, as threads may be longer than a stack is deep. */
function asThread(root: Node): ThreadNode {
  const made = new Map<Node, ThreadNode>()
  for (const node of below(root).reverse()) {
    const children = [...node.children].map((child) => made.get(child) as ThreadNode)
    made.set(
      node,
      node.message === undefined ? { children } : { uid: node.message.row.uid, children },
    )
  }
  return made.get(root) as ThreadNode
}
