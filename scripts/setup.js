// Makes a fresh clone ready to run: the right Node, the packages of package-lock.json, the compiled
// program. Does nothing where nothing is to be done. All it says goes to stderr, so that the output
// of the program behind it stays clean. Plain JavaScript without dependencies: it runs before there
// are any.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const NODE_MIN = [20, 19]
const LOCK_POLL_MS = 200
/** A slow network may need this long for the packages; beyond it the lock is surely forgotten. */
const LOCK_WAIT_MAX_MS = 600_000
/** Until then, a lock without a number is one that is just being written. */
const LOCK_WRITING_MAX_MS = 5000

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const lockPath = join(root, 'dist', '.setup-lock')
/** Its presence says to bin/lightlag.js that the last set-up went well. */
const donePath = join(root, 'dist', '.setup-done')

checkNode()
await takeLock()
try {
  const isFirst = !existsSync(donePath)
  remove(donePath)
  if (!isInstalled()) {
    say('installing the packages (npm ci) …')
    run('npm ci', ...npmCommand(), 'ci', '--no-audit', '--no-fund', '--loglevel=error')
  }
  if (isFirst) say('compiling (tsc -b) …')
  run('tsc -b', process.execPath, join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-b')
  writeFileSync(donePath, '')
} finally {
  remove(lockPath)
}

function say(text) {
  process.stderr.write(`lightlag: ${text}\n`)
}

/** Ends the program; a lock of its own goes with it. */
function fail(text, status) {
  say(text)
  if (readLockOwner() === process.pid) remove(lockPath)
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

/** One set-up at a time in this clone; the second finds everything done. */
async function takeLock() {
  mkdirSync(dirname(lockPath), { recursive: true })
  const patienceEnds = Date.now() + LOCK_WAIT_MAX_MS
  let waiting = false
  while (!tryLock()) {
    const owner = readLockOwner()
    if (!isAlive(owner)) {
      remove(lockPath)
      continue
    }
    if (Date.now() > patienceEnds) fail(`${lockPath} is still held by process ${owner}`, 1)
    if (!waiting) say(`waiting for another set-up (process ${owner}) …`)
    waiting = true
    await new Promise((resolve) => setTimeout(resolve, LOCK_POLL_MS))
  }
}

function tryLock() {
  try {
    writeFileSync(lockPath, String(process.pid), { flag: 'wx' })
    return true
  } catch (error) {
    if (error.code === 'EEXIST') return false
    throw error
  }
}

/** The process that holds the lock; undefined where nobody does, 'unknown' while it is written. */
function readLockOwner() {
  try {
    const pid = Number(readFileSync(lockPath, 'utf8'))
    if (pid > 0) return pid
    return Date.now() - statSync(lockPath).mtimeMs < LOCK_WRITING_MAX_MS ? 'unknown' : undefined
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}

function isAlive(owner) {
  if (owner === undefined || owner === 'unknown') return owner === 'unknown'
  try {
    process.kill(owner, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

function remove(path) {
  try {
    unlinkSync(path)
  } catch (error) {
    if (error.code !== 'ENOENT') throw error
  }
}
