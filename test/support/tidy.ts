/**
 * Checks on the code itself: what neither the compiler nor the linter can say. Each looks at a tree
 * on the disk and answers one line per finding, with the file, the line and the rule, so that a test
 * can run them on a tree with a mistake planted in it.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'

export interface Tree {
  readonly root: string
  /** Everything readable, `node_modules` and what is made by programs left out. */
  readonly files: readonly SourceFile[]
}

export interface SourceFile {
  /** Relative to the root, with `/`. */
  readonly path: string
  readonly text: string
}

/**
 * What each folder of src may import. The compiler is told the same by references between projects,
 * but it sees the references of references as well: that `config` does not import `ports` is for these
 * checks alone to say.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  base: [],
  proto: ['base'],
  ports: ['base'],
  drive: ['base', 'ports'],
  mail: ['base', 'proto', 'ports', 'drive'],
  dtn: ['base', 'proto', 'ports', 'drive'],
  bridge: ['base', 'proto', 'ports', 'drive', 'mail', 'dtn'],
  config: ['base', 'proto', 'mail', 'dtn', 'bridge'],
  lab: ['base', 'proto', 'ports', 'drive', 'mail', 'dtn', 'bridge', 'config'],
  host: ['base', 'ports'],
  cmd: ['base', 'proto', 'ports', 'drive', 'mail', 'dtn', 'bridge', 'config', 'lab', 'host'],
  bench: ['base', 'proto', 'ports', 'drive', 'mail', 'dtn', 'bridge', 'config', 'lab', 'host'],
}

/** What each protocol may import of its siblings. */
const PROTO_MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  smtp: ['sasl', 'message'],
  pop3: ['message', 'sasl'],
  imap: ['sasl', 'message'],
  bpv7: ['cbor'],
  stcp: ['bundle-session'],
  dtpc: ['sdnv'],
  tcpcl: ['bundle-session', 'sdnv', 'bpv7'],
}

/** Of these, `config` takes the types of options and nothing that runs. */
const TYPES_ONLY_FOR_CONFIG: readonly string[] = ['mail', 'dtn', 'bridge']

/** Packages by folder; a folder that is not here imports none. `node:` is all of Node. */
const MAY_IMPORT_PACKAGES: Readonly<Record<string, readonly string[]>> = {
  config: ['yaml', 'zod'],
  host: ['node:', 'lmdb', '@node-rs/argon2', '@node-rs/crc32', 'mailauth'],
  cmd: ['node:', 'commander'],
  bench: ['node:', 'commander', 'smtp-server'],
}

const KNOW_NODE: readonly string[] = ['host', 'cmd', 'bench']

/** The cores; the services above them may wait for a disk. */
const NEVER_WAIT: readonly string[] = ['base', 'proto', 'ports', 'drive']

type Rule = readonly [pattern: RegExp, advice: string]

const HIDDEN_INPUTS: readonly Rule[] = [
  [/\bMath\.random\b/, 'take a Random or an Entropy as an argument'],
  [/\bDate\b *[.(]|\bnew Date\b/, 'take the time as an argument'],
  [/\bglobalThis\b/, 'take what is needed as an argument'],
  [/\bIntl\.|\.toLocale\w+\(|\.localeCompare\(/, 'write nothing that depends on the locale'],
  [
    /^ *declare (?!const \w+: unique symbol)(const|let|var|function|class|global)\b/m,
    'declare no facility of the host',
  ],
]

const IN_CODE = /(?<=^(?! *(?:\/\/|\/?\*)).*)(?<![#.\w'])/.source
const WAITING: readonly Rule[] = [
  [
    new RegExp(`${IN_CODE}async (?:function\\b|\\*|[#\\w]+ *(?:\\(|=>)|[(<])`, 'm'),
    'ask by an effect, hear the answer as an event',
  ],
  [
    new RegExp(`${IN_CODE}await\\b(?! *[:=)])`, 'm'),
    'ask by an effect, hear the answer as an event',
  ],
  [/\bnew Promise\b|\bPromise\.\w+/, 'ask by an effect, hear the answer as an event'],
]

/** The one file that may declare what every host has: TextEncoder and TextDecoder. */
const MAY_DECLARE = 'src/base/bytes.ts'

const NEW_COLLECTION = /= (?:new (?:Map|Set|WeakMap|WeakSet|Array)\b|\[\]|\{\})/.source
const MODULE_STATE: readonly Rule[] = [
  [/^(?:export )?(?:let|var) /m, 'no module-level mutable state'],
  [
    new RegExp(`^(?:export )?const \\w+(?:: [^=]+)? ${NEW_COLLECTION}`, 'm'),
    'no module-level mutable state',
  ],
  [new RegExp(`^  .*\\bstatic .*${NEW_COLLECTION}`, 'm'), 'no state on a class'],
]

const UNFINISHED: readonly Rule[] = [
  [/\b(?:FIXME|XXX|HACK)\b/, 'finish it, or write TODO with its RFC section'],
  [/\bTODO\b(?! RFC \d+ §\d)/, 'write "TODO RFC 5321 §4.5.2: …"'],
]

const RFC_FORM: readonly Rule[] = [
  [
    /\b(?:rfc|Rfc)[ -]?(?!822\b)\d{3,4}|\bRFC-?(?!822\b)\d{3,4}|\bRFC \d{3,4},? (?:[Ss]ec|[Ss]ection)\b/,
    'write "RFC 1939 §5"',
  ],
]

/** Where the tree came from is nobody's concern. */
const OUTSIDE: readonly Rule[] = [[/\.\.\/shared\b/, 'name nothing outside this repository']]

export const CHECKS: Readonly<Record<string, (tree: Tree) => readonly string[]>> = {
  'imports point downwards': importsPointDownwards,
  'the compiler is told the same table': projectsSayTheSame,
  'pure folders have no hidden inputs': (tree) =>
    shipped(tree)
      .filter(({ path }) => !KNOW_NODE.includes(folderOf(path)))
      .flatMap((file) =>
        findings(file, file.path === MAY_DECLARE ? HIDDEN_INPUTS.slice(0, -1) : HIDDEN_INPUTS),
      ),
  'no module outside cmd and bench holds state': (tree) =>
    shipped(tree)
      .filter(({ path }) => !['cmd', 'bench'].includes(folderOf(path)))
      .flatMap((file) => [...findings(file, MODULE_STATE), ...changedTables(file)]),
  'a core never waits': (tree) =>
    shipped(tree)
      .filter(({ path }) => NEVER_WAIT.includes(folderOf(path)))
      .flatMap((file) => findings(file, WAITING)),
  'nothing is left unfinished without its section': (tree) =>
    shipped(tree).flatMap((file) => findings(file, UNFINISHED)),
  'every file is reached from a program or a test of the whole': everyFileIsReached,
  'the program loads no command but the one that is run': startsWithLittle,
  'references to RFCs have the one form that tools can follow': (tree) =>
    tree.files
      .filter(({ path }) => /^src\/.*\.ts$|\.md$/.test(path))
      .flatMap((file) => findings(file, RFC_FORM)),
  'links in documents point to files that exist': linksPointToFiles,
  'nothing outside this repository is named': (tree) =>
    tree.files.flatMap((file) => findings(file, OUTSIDE)),
}

/** Programs make these; nobody wrote them. */
const NOT_OURS: readonly string[] = ['node_modules', 'dist', '.git', 'var', 'package-lock.json']

export function readTree(root: string): Tree {
  const files: SourceFile[] = []
  const visit = (folder: string): void => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = posix.join(folder, entry.name)
      if (NOT_OURS.includes(entry.name)) continue
      if (entry.isDirectory()) visit(path)
      else if (entry.isFile()) files.push({ path, text: readFileSync(join(root, path), 'utf8') })
    }
  }
  visit('.')
  return { root, files }
}

function shipped(tree: Tree): readonly SourceFile[] {
  return tree.files.filter(({ path }) => /^src\/.*(?<!\.test)\.ts$/.test(path))
}

/** `mail` of `src/mail/queue.ts`. */
function folderOf(path: string): string {
  return path.split('/')[1] ?? ''
}

function findings({ path, text }: SourceFile, rules: readonly Rule[]): readonly string[] {
  return rules.flatMap(([pattern, advice]) =>
    [...text.matchAll(new RegExp(pattern, `${pattern.flags}g`))].map(
      ({ 0: found, index }) => `${path}:${lineOf(text, index)}: "${found.trim()}": ${advice}`,
    ),
  )
}

function lineOf(text: string, index: number): number {
  return text.slice(0, index).split('\n').length
}

/** State that looks like a table: an object or a list of the module that is changed in it. */
function changedTables(file: SourceFile): readonly string[] {
  const tables = file.text.matchAll(
    /^(?:export )?const (\w+)(?:: [^=]+)? = (?:Object\.\w+\()?[[{]/gm,
  )
  return [...tables].flatMap(([, name]) => {
    const place = `${/(?<![.\w])/.source}${name}(?:\\.\\w+|\\[[^\\]\\n]+\\])`
    const changes = [
      `${place}+ (?:[-+*/%&|^]|\\*\\*|\\?\\?|&&|\\|\\||<<|>>>?)?=(?![=>])`,
      `${place}+(?:\\+\\+|--)`,
      `(?:\\+\\+|--|\\bdelete )${place}`,
      `${place}*\\.(?:push|pop|shift|unshift|splice|sort|reverse|fill|set|add|delete|clear)\\(`,
    ]
    return findings(file, [[new RegExp(changes.join('|')), 'no module-level mutable state']])
  })
}

interface Import {
  readonly line: number
  readonly specifier: string
  /** Relative imports only: the file, from the root. */
  readonly path: string | undefined
  readonly typeOnly: boolean
  /** Loaded when the code gets there. */
  readonly dynamic: boolean
}

function importsOf({ path, text }: SourceFile): readonly Import[] {
  const found = text.matchAll(
    /^(?:import|export)( type)?(?: [\w$*{},\s]+ from)? '([^'\n]+)'|\bimport\(\s*'([^'\n]+)'/gm,
  )
  return [...found].map(({ 1: type, 2: from, 3: dynamic, index }) => {
    const specifier = from ?? dynamic ?? ''
    return {
      line: lineOf(text, index),
      specifier,
      path: specifier.startsWith('.') ? posix.join(dirname(path), specifier) : undefined,
      typeOnly: type !== undefined,
      dynamic: dynamic !== undefined,
    }
  })
}

function importsPointDownwards(tree: Tree): readonly string[] {
  return shipped(tree).flatMap((file) =>
    importsOf(file).flatMap((imported) => {
      const wrong = forbidden(file.path, imported)
      return wrong === undefined ? [] : [`${file.path}:${imported.line}: ${wrong}`]
    }),
  )
}

function forbidden(path: string, imported: Import): string | undefined {
  const from = folderOf(path)
  if (imported.path === undefined) {
    const allowed = MAY_IMPORT_PACKAGES[from] ?? []
    const name = imported.specifier
      .replace(/^node:.*/, 'node:')
      .replace(/^((?:@[^/]+\/)?[^@/][^/]*)\/.*/, '$1')
    return allowed.includes(name) ? undefined : `${from} may not import ${imported.specifier}`
  }
  if (!imported.path.startsWith('src/')) return `${from} may not import ${imported.path}`
  const to = folderOf(imported.path)
  if (to !== from && !MAY_IMPORT[from]?.includes(to)) return `${from} may not import ${to}`
  if (from === 'config' && TYPES_ONLY_FOR_CONFIG.includes(to) && !imported.typeOnly) {
    return `config may import only types of ${to}`
  }
  if (from !== 'proto' || to !== 'proto') return undefined
  const [protocol = '', sibling = ''] = [path, imported.path].map((p) => p.split('/')[2] ?? '')
  if (protocol === sibling || PROTO_MAY_IMPORT[protocol]?.includes(sibling)) return undefined
  return `proto/${protocol} may not import proto/${sibling}`
}

function projectsSayTheSame(tree: Tree): readonly string[] {
  const folders = new Set(shipped(tree).map(({ path }) => folderOf(path)))
  return [...folders].sort().flatMap((folder) => {
    const path = `src/${folder}/tsconfig.json`
    const text = tree.files.find((file) => file.path === path)?.text
    if (text === undefined) return [`${path}: every folder of src is a project`]
    const project = JSON.parse(text)
    const references: string[] = project.references.map((r: { path: string }) =>
      posix.basename(r.path),
    )
    const wrong = references
      .filter((to) => !MAY_IMPORT[folder]?.includes(to))
      .map((to) => `${path}: ${folder} may not refer to ${to}`)
    const types: unknown = project.compilerOptions.types
    if (types !== undefined && !KNOW_NODE.includes(folder)) {
      wrong.push(`${path}: a pure folder has no types of its host`)
    }
    return wrong
  })
}

/** Reached through imports; a test beside a file does not keep it alive. */
function everyFileIsReached(tree: Tree): readonly string[] {
  const byPath = new Map(tree.files.map((file) => [file.path, file]))
  const waiting = tree.files.filter(
    ({ path }) => programs(tree).includes(path) || /^(?:test|src\/bench)\/.*\.ts$/.test(path),
  )
  const reached = new Set(waiting)
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    for (const { path } of importsOf(file)) {
      const next = byPath.get(path ?? '')
      if (next === undefined || reached.has(next)) continue
      reached.add(next)
      waiting.push(next)
    }
  }
  return shipped(tree)
    .filter((file) => !reached.has(file) && !file.path.endsWith('.d.ts'))
    .map(({ path }) => `${path}: no program and no test of the whole needs it`)
}

/** What is loaded before the command is known, which everybody waits for who asks for the version. */
function startsWithLittle(tree: Tree): readonly string[] {
  const byPath = new Map(tree.files.map((file) => [file.path, file]))
  const wrong: string[] = []
  const seen = new Set<string>()
  const waiting = ['src/cmd/lightlag.ts', 'src/cmd/program.ts']
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const file = byPath.get(path)
    if (file === undefined || seen.has(path)) continue
    seen.add(path)
    for (const imported of importsOf(file)) {
      if (imported.typeOnly || imported.dynamic) continue
      const { path: next, specifier, line } = imported
      const isLight = next === undefined ? /^node:|^commander$/.test(specifier) : LIGHT.test(next)
      if (isLight && next !== undefined) waiting.push(next)
      if (!isLight) wrong.push(`${path}:${line}: ${specifier} is loaded for every command`)
    }
  }
  return wrong
}

const LIGHT =
  /^src\/(?:base\/|cmd\/(?:commands|failure|files|links|program|signal|version)\.ts$|dtn\/tools\/purposes\.ts$)/

/** The sources of what `package.json` and `bin` start or export. */
function programs(tree: Tree): readonly string[] {
  return tree.files
    .filter(({ path }) => path === 'package.json' || path.startsWith('bin/'))
    .flatMap(({ text }) => [...text.matchAll(/dist\/((?:cmd|proto\/\w+)\/[\w-]+)\.js/g)])
    .map(([, name]) => `src/${name}.ts`)
}

function linksPointToFiles(tree: Tree): readonly string[] {
  return tree.files
    .filter(({ path }) => path.endsWith('.md'))
    .flatMap(({ path, text }) =>
      [...text.matchAll(/\]\(<?([^)\s>#]+)[^)]*\)/g)]
        .filter(([, target = '']) => !/^[a-z]+:/.test(target))
        .filter(([, target = '']) => !existsSync(join(tree.root, dirname(path), target)))
        .map(({ 1: target, index }) => `${path}:${lineOf(text, index)}: there is no ${target}`),
    )
}
