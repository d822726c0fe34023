#!/usr/bin/env -S node --max-semi-space-size=64
// The program as `npx lightlag` starts it in a clone, set up first where that has not been done since
// the last change of what it is made of. Looking takes some milliseconds, asking the compiler many.

import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const SOURCES = ['package-lock.json', 'tsconfig.json', 'tsconfig.base.json', 'scripts', 'src']

if (!isSetUp()) await import('../scripts/setup.js')
await import(new URL('../dist/cmd/lightlag.js', import.meta.url).href)

function isSetUp() {
  const doneMs = changedMs(join(root, 'dist', '.setup-done'))
  return doneMs > 0 && SOURCES.every((name) => newestMs(join(root, name)) < doneMs)
}

/** Of a file, or of a folder and all that is in it; its own time tells what has left it. */
function newestMs(path) {
  const entries = statSync(path, { throwIfNoEntry: false })?.isDirectory()
    ? readdirSync(path, { recursive: true })
    : []
  return Math.max(changedMs(path), ...entries.map((name) => changedMs(join(path, name))))
}

/** 0 where there is nothing. */
function changedMs(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}
