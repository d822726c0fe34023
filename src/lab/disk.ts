import { assert } from '../base/assert.ts'
import { asFault, Fault } from '../base/fault.ts'
import type { Random } from '../base/random.ts'
import { addMs, type WallMs } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import {
  type Digest,
  type Disk,
  type DiskFaultCode,
  type DiskResult,
  digestEach,
  type FileReader,
  type FileStart,
  type FileStatus,
  type FileWriter,
  isTemporaryDiskFault,
  type Move,
} from '../ports/disk.ts'

export interface LabDiskOptions {
  /** Gives the times of files. */
  readonly clock: Clock
  /** Bound on the content of all files together; default: none. */
  readonly capacityBytes?: number
  /** What anything that writes fails with now, an append after its first half; default: nothing does. */
  readonly writeFault?: () => DiskFaultCode | undefined
  /** What each operation takes on the virtual clock; default: nothing, it is done in the same event. */
  readonly latencyMs?: number
}

/** What is on the platter: outlives the disk that wrote it. */
export type DiskImage = Directory

interface Directory {
  readonly kind: 'directory'
  /** The names as programs see them. */
  readonly names: Map<string, FileNode | Directory>
  /** The names as they were when last synced. */
  readonly durableNames: Map<string, FileNode | Directory>
  /** Those of which that may differ. */
  readonly unsynced: Set<string>
  modified: WallMs
}

interface FileNode {
  readonly kind: 'file'
  /** With room at its end for more. */
  content: Uint8Array
  sizeBytes: number
  /** Files only grow, so what is durable is a beginning. */
  durableBytes: number
  modified: WallMs
  /** Its names; with one or more it counts against the capacity. */
  nameCount: number
}

/**
 * The Disk port in memory. It keeps apart what programs see and what was made durable, so that
 * `crash` gives back no more than a real disk is obliged to keep: content as of its last `sync`,
 * names as of the last `syncDirectory` of their directory. A rename whose target directory alone
 * was synced therefore leaves both names.
 */
export class LabDisk implements Disk {
  readonly #options: LabDiskOptions
  readonly #root: Directory
  #usedBytes: number
  #crashed = false

  constructor(options: LabDiskOptions, image?: DiskImage) {
    this.#options = options
    this.#root = image ?? newDirectory(options.clock.wall())
    this.#usedBytes = contentBytes(this.#root)
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  create(path: string): Promise<FileWriter> {
    return this.#write(path, () => this.#writer(this.#newFile(path), path))
  }

  writeNew(path: string, bytes: Uint8Array): Promise<void> {
    return this.#write(path, () => {
      const file = this.#newFile(path)
      try {
        this.#append(file, bytes, path)
      } catch (error) {
        const { directory, name } = this.#parent(path)
        this.#unlink(directory, name)
        throw error
      }
      file.durableBytes = file.sizeBytes
    })
  }

  open(path: string): Promise<FileReader> {
    return this.#perform(() => {
      const file = this.#find(path)
      if (file === undefined) throw fault('disk/not-found', path)
      if (file.kind === 'directory') throw fault('disk/failed', path)
      return this.#reader(file)
    })
  }

  readStarts(files: readonly FileStart[]): Promise<readonly DiskResult<Uint8Array>[]> {
    return Promise.all(
      files.map(({ path, length }) =>
        resultOf(
          this.#perform(() => {
            const file = this.#find(path)
            if (file === undefined) throw fault('disk/not-found', path)
            if (file.kind === 'directory') throw fault('disk/failed', path)
            return file.content.slice(0, Math.min(length, file.sizeBytes))
          }),
        ),
      ),
    )
  }

  async digestStarts(
    files: readonly FileStart[],
    digest: Digest,
  ): Promise<readonly DiskResult<Uint8Array>[]> {
    return digestEach(files, await this.readStarts(files), digest)
  }

  rename(from: string, to: string): Promise<void> {
    return this.#write(to, () => {
      const source = this.#parent(from)
      const target = this.#parent(to)
      const moved = source.directory.names.get(source.name)
      if (moved === undefined) throw fault('disk/not-found', from)
      const replaced = target.directory.names.get(target.name)
      if (replaced === moved) return
      if (`${to}/`.startsWith(`${from}/`)) throw fault('disk/failed', to)
      if (moved.kind === 'directory' && replaced?.kind === 'file') {
        throw fault('disk/not-a-directory', to)
      }
      if (replaced?.kind === 'directory' && (moved.kind === 'file' || replaced.names.size > 0)) {
        throw fault('disk/failed', to)
      }
      this.#unlink(source.directory, source.name)
      if (replaced !== undefined) this.#unlink(target.directory, target.name)
      this.#link(target.directory, target.name, moved)
    })
  }

  renameEach(moves: readonly Move[]): Promise<readonly DiskResult<void>[]> {
    return Promise.all(moves.map(({ from, to }) => resultOf(this.rename(from, to))))
  }

  removeEach(paths: readonly string[]): Promise<readonly DiskResult<void>[]> {
    return Promise.all(paths.map((path) => resultOf(this.remove(path))))
  }

  remove(path: string): Promise<void> {
    return this.#write(path, () => {
      const { directory, name } = this.#parent(path)
      const removed = directory.names.get(name)
      if (removed === undefined) throw fault('disk/not-found', path)
      if (removed.kind === 'directory') throw fault('disk/failed', path)
      this.#unlink(directory, name)
    })
  }

  link(from: string, to: string): Promise<void> {
    return this.#write(to, () => {
      const file = this.#find(from)
      if (file === undefined) throw fault('disk/not-found', from)
      if (file.kind === 'directory') throw fault('disk/permission-denied', from)
      const { directory, name } = this.#parent(to)
      if (directory.names.has(name)) throw fault('disk/exists', to)
      this.#link(directory, name, file)
    })
  }

  removeDirectory(path: string): Promise<void> {
    return this.#write(path, () => {
      const { directory, name } = this.#parent(path)
      const removed = directory.names.get(name)
      if (removed === undefined) throw fault('disk/not-found', path)
      if (removed.kind === 'file') throw fault('disk/not-a-directory', path)
      if (removed.names.size > 0) throw fault('disk/failed', path)
      this.#unlink(directory, name)
    })
  }

  syncDirectory(path: string): Promise<void> {
    return this.#write(path, () => {
      const directory = this.#directory(path)
      for (const name of directory.unsynced) {
        const node = directory.names.get(name)
        if (node === undefined) directory.durableNames.delete(name)
        else directory.durableNames.set(name, node)
      }
      directory.unsynced.clear()
    })
  }

  makeDirectory(path: string): Promise<void> {
    return this.#write(path, () => {
      let directory = this.#root
      for (const name of segments(path)) {
        const next = directory.names.get(name) ?? newDirectory(this.#options.clock.wall())
        if (next.kind === 'file') throw fault('disk/not-a-directory', path)
        if (!directory.names.has(name)) this.#link(directory, name, next)
        directory.durableNames.set(name, next)
        directory.unsynced.delete(name)
        directory = next
      }
    })
  }

  list(path: string): Promise<readonly string[]> {
    return this.#perform(() => [...this.#directory(path).names.keys()].sort())
  }

  stat(path: string): Promise<FileStatus | undefined> {
    return this.#perform(() => {
      const found = this.#find(path, 'absent')
      if (found === undefined) return undefined
      const sizeBytes = found.kind === 'file' ? found.sizeBytes : 0
      return { kind: found.kind, sizeBytes, modifiedMs: found.modified }
    })
  }

  /**
   * The power fails: what was not durable is lost, operations under way never settle, and nothing
   * more that is asked of this disk has any effect. A new LabDisk goes on with the result. With
   * `luck`, some of what was not durable is there all the same, as a real disk may have written it:
   * the beginning of what was appended, and any of the names made or removed.
   */
  crash(luck?: Random): DiskImage {
    this.#crashed = true
    return new Survivors(luck).directory(this.#root)
  }

  #write<T>(path: string, action: () => T): Promise<T> {
    return this.#perform(() => {
      this.#refuse(path)
      return action()
    })
  }

  #refuse(path: string): void {
    const code = this.#options.writeFault?.()
    if (code !== undefined) throw fault(code, path)
  }

  async #perform<T>(action: () => T): Promise<T> {
    const { clock, latencyMs } = this.#options
    if (latencyMs !== undefined) {
      await new Promise<void>((resolve) => {
        clock.at(addMs(clock.now(), latencyMs), resolve)
      })
    }
    if (this.#crashed) await new Promise<never>(() => {})
    return action()
  }

  #newFile(path: string): FileNode {
    const { directory, name } = this.#parent(path)
    if (directory.names.has(name)) throw fault('disk/exists', path)
    const file: FileNode = {
      kind: 'file',
      content: new Uint8Array(0),
      sizeBytes: 0,
      durableBytes: 0,
      modified: this.#options.clock.wall(),
      nameCount: 0,
    }
    this.#link(directory, name, file)
    return file
  }

  #writer(file: FileNode, path: string): FileWriter {
    let closed = false
    const perform = (action: () => void): Promise<void> =>
      this.#perform(() => {
        if (closed) throw fault('disk/failed', path)
        action()
      })
    return {
      append: (bytes) => {
        const owned = bytes.slice()
        return perform(() => {
          const isFailing = this.#options.writeFault?.() !== undefined
          this.#append(file, isFailing ? owned.subarray(0, owned.length >> 1) : owned, path)
          this.#refuse(path)
        })
      },
      sync: () =>
        perform(() => {
          this.#refuse(path)
          file.durableBytes = file.sizeBytes
        }),
      close: () =>
        this.#perform(() => {
          closed = true
        }),
    }
  }

  #reader(file: FileNode): FileReader {
    return {
      sizeBytes: file.sizeBytes,
      read: (offset, length) =>
        this.#perform(() => file.content.slice(offset, Math.min(offset + length, file.sizeBytes))),
      close: () => this.#perform(() => {}),
    }
  }

  #append(file: FileNode, bytes: Uint8Array, path: string): void {
    const { capacityBytes, clock } = this.#options
    if (capacityBytes !== undefined && this.#usedBytes + bytes.length > capacityBytes) {
      throw fault('disk/full', path)
    }
    const needed = file.sizeBytes + bytes.length
    if (needed > file.content.length) {
      const roomier = new Uint8Array(Math.max(needed, 2 * file.content.length))
      roomier.set(file.content.subarray(0, file.sizeBytes))
      file.content = roomier
    }
    file.content.set(bytes, file.sizeBytes)
    file.sizeBytes = needed
    file.modified = clock.wall()
    if (file.nameCount > 0) this.#usedBytes += bytes.length
  }

  #link(directory: Directory, name: string, node: FileNode | Directory): void {
    directory.names.set(name, node)
    directory.unsynced.add(name)
    directory.modified = this.#options.clock.wall()
    if (node.kind === 'file' && ++node.nameCount === 1) this.#usedBytes += node.sizeBytes
  }

  #unlink(directory: Directory, name: string): void {
    const node = directory.names.get(name)
    directory.names.delete(name)
    directory.unsynced.add(name)
    directory.modified = this.#options.clock.wall()
    if (node?.kind === 'file' && --node.nameCount === 0) this.#usedBytes -= node.sizeBytes
  }

  /** Undefined where nothing is there; what lies below a file is absent, or a Fault. */
  #find(path: string, belowFile: 'absent' | 'fault' = 'fault'): FileNode | Directory | undefined {
    let found: FileNode | Directory | undefined = this.#root
    for (const name of segments(path)) {
      if (found === undefined) return undefined
      if (found.kind === 'file') {
        if (belowFile === 'absent') return undefined
        throw fault('disk/not-a-directory', path)
      }
      found = found.names.get(name)
    }
    return found
  }

  #directory(path: string): Directory {
    const found = this.#find(path)
    if (found === undefined) throw fault('disk/not-found', path)
    if (found.kind === 'file') throw fault('disk/not-a-directory', path)
    return found
  }

  #parent(path: string): { readonly directory: Directory; readonly name: string } {
    const name = segments(path).at(-1)
    assert(name !== undefined, 'the root directory is no file')
    return { directory: this.#directory(path.slice(0, path.length - name.length - 1) || '/'), name }
  }
}

async function resultOf<T>(operation: Promise<T>): Promise<DiskResult<T>> {
  try {
    return { ok: true, value: await operation }
  } catch (error) {
    return { ok: false, fault: asFault(error) as Fault<DiskFaultCode> }
  }
}

function segments(path: string): readonly string[] {
  assert(path.startsWith('/'), `a path is absolute: ${path}`)
  if (path === '/') return []
  const names = path.slice(1).split('/')
  assert(
    !names.some((name) => name === '' || name === '.' || name === '..'),
    `a plain path: ${path}`,
  )
  return names
}

function newDirectory(modified: WallMs): Directory {
  return {
    kind: 'directory',
    names: new Map(),
    durableNames: new Map(),
    unsynced: new Set(),
    modified,
  }
}

/** What is left of files and directories, each of them once, whatever names it has. */
class Survivors {
  readonly #luck: Random | undefined
  readonly #files = new Map<FileNode, FileNode>()

  constructor(luck: Random | undefined) {
    this.#luck = luck
  }

  directory(directory: Directory): Directory {
    const names = new Map<string, FileNode | Directory>()
    for (const [name, node] of this.#namesOf(directory)) {
      names.set(name, node.kind === 'directory' ? this.directory(node) : this.#file(node))
    }
    return { ...directory, names, durableNames: new Map(names), unsynced: new Set() }
  }

  #namesOf({
    names,
    durableNames,
    unsynced,
  }: Directory): ReadonlyMap<string, FileNode | Directory> {
    if (this.#luck === undefined) return durableNames
    const left = new Map(durableNames)
    for (const name of unsynced) {
      const now = names.get(name)
      if (now === durableNames.get(name) || this.#luck.next() < 0.5) continue
      if (now === undefined) left.delete(name)
      else left.set(name, now)
    }
    return left
  }

  #file(node: FileNode): FileNode {
    const known = this.#files.get(node)
    if (known !== undefined) {
      known.nameCount++
      return known
    }
    const luckyBytes = (this.#luck?.next() ?? 0) * (node.sizeBytes - node.durableBytes)
    const sizeBytes = node.durableBytes + Math.round(luckyBytes)
    const content = node.content.slice(0, sizeBytes)
    const left = { ...node, content, sizeBytes, durableBytes: sizeBytes, nameCount: 1 }
    this.#files.set(node, left)
    return left
  }
}

/** Of each file once, whatever names it has. */
function contentBytes(directory: Directory, counted = new Set<FileNode>()): number {
  let sum = 0
  for (const node of directory.names.values()) {
    if (node.kind === 'directory') sum += contentBytes(node, counted)
    else if (!counted.has(node)) {
      counted.add(node)
      sum += node.sizeBytes
    }
  }
  return sum
}

function fault(code: DiskFaultCode, path: string): Fault<DiskFaultCode> {
  return new Fault(code, `${code.slice('disk/'.length)}: ${path}`, {
    temporary: isTemporaryDiskFault(code),
    detail: { path },
  })
}
