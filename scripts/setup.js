// Makes a fresh clone ready to run: the right Node, the packages of package-lock.json, the compiled
// program. Does nothing where nothing is to be done. All it says goes to stderr, so that the output
// of the program behind it stays clean. Plain JavaScript without dependencies: it runs before there
// are any.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const NODE_MIN = [20, 19]
/** A slow network may need this long for the packages. */
const LOCK_WAIT_MAX_MS = 600_000

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const lockPath = socketPath()
/** Says to bin/lightlag.js that the last set-up went well, and by its time when that began. */
const donePath = join(root, 'dist', '.setup-done')

process.on('uncaughtException', (error) => {
  if (error.code === undefined) throw error
  fail(`the set-up cannot go on: ${error.message}`, 1)
})

checkNode()
const release = await takeLock()
try {
  const began = new Date()
  const isFirst = !existsSync(donePath)
  remove(donePath)
  if (!isInstalled()) {
    say('installing the packages (npm ci) …')
    run('npm ci', ...npmCommand(), 'ci', '--no-audit', '--no-fund', '--loglevel=error')
  }
  if (isFirst) say('compiling (tsc -b) …')
  run('tsc -b', process.execPath, join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-b')
  writeFileSync(donePath, '')
  // What changed meanwhile may not have been compiled.
  utimesSync(donePath, began, began)
} finally {
  release()
}

function say(text) {
  process.stderr.write(`lightlag: ${text}\n`)
}

/** Ends the program, and a lock of its own with it. */
function fail(text, status) {
  say(text)
  process.exit(status)
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])) return
  fail(
    `this needs Node ${NODE_MIN.join('.')} or newer; ${process.execPath} is Node ${process.versions.node}. ` +
      'Install a newer one (https://nodejs.org) and run the same command again.',
    1,
  )
}

/** Whether node_modules holds what package-lock.json asks for, by npm's own record of it. */
function isInstalled() {
  const wanted = packagesIn(join(root, 'package-lock.json'))
  const found = packagesIn(join(root, 'node_modules', '.package-lock.json'))
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === '') return true
    const there = found[path]
    // A package for another system is optional and not there.
    if (there === undefined) return entry.optional === true
    return there.version === entry.version && there.integrity === entry.integrity
  })
}

function packagesIn(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages
  } catch (error) {
    if (error.code === 'ENOENT') return {}
    throw error
  }
}

/** npm as this was started with, so that a chosen npm stays chosen. */
function npmCommand() {
  const path = process.env.npm_execpath
  if (path !== undefined && /\.[cm]?js$/.test(path)) return [process.execPath, path]
  return process.platform === 'win32' ? ['cmd.exe', '/c', 'npm'] : ['npm']
}

/** Runs to the end with all output on stderr; a failure is ours. */
function run(name, command, ...args) {
  const done = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] })
  if (done.error !== undefined) fail(`${name} could not be started: ${done.error.message}`, 1)
  if (done.signal !== null) fail(`${name} was ended by ${done.signal}`, 1)
  if (done.status !== 0) fail(`${name} failed; what it said is above`, done.status ?? 1)
}

/**
 * One set-up at a time in this clone; the second finds everything done. Resolves with the release.
 *
 * The lock is a local socket: one process can listen on it, and the system frees it when that process
 * ends, however it ends. Who has to wait connects, and hears by the end of the connection that the
 * owner is gone.
 */
async function takeLock() {
  mkdirSync(dirname(donePath), { recursive: true })
  const patience = setTimeout(
    () => fail('another set-up in this folder has not come to its end', 1),
    LOCK_WAIT_MAX_MS,
  )
  let release = await tryLock()
  if (release === undefined) say('waiting for another set-up …')
  for (; release === undefined; release = await tryLock()) await ownerEnd()
  clearTimeout(patience)
  return release
}

/** Undefined where another process has the lock. */
function tryLock() {
  const waiting = new Set()
  const server = createServer((socket) => waiting.add(socket.on('error', () => {})))
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      if (error.code === 'EADDRINUSE') resolve(undefined)
      else reject(error)
    })
    server.listen(lockPath, () =>
      resolve(() => {
        server.close()
        for (const socket of waiting) socket.destroy()
      }),
    )
  })
}

/** Resolves once whoever has the lock may have let go of it. */
function ownerEnd() {
  return new Promise((resolve) => {
    const socket = connect(lockPath)
    socket.on('error', (error) => {
      // The file of a socket whose process was killed; only where sockets are files.
      if (error.code === 'ECONNREFUSED' && process.platform !== 'linux') remove(lockPath)
    })
    socket.on('close', resolve).resume()
  })
}

/** In a namespace of their own where there is one, else a file. */
function socketPath() {
  const place = createHash('sha256').update(realpathSync(root)).digest('hex').slice(0, 32)
  const name = `lightlag-setup-${place}`
  if (process.platform === 'linux') return `\0${name}`
  return process.platform === 'win32' ? `\\\\.\\pipe\\${name}` : join(tmpdir(), `${name}.sock`)
}

function remove(path) {
  try {
    unlinkSync(path)
  } catch (error) {
    if (error.code !== 'ENOENT') throw error
  }
}
