#!/usr/bin/env node
// The program as `npx lightlag` starts it in a clone, set up first where that has not been done.

import { existsSync } from 'node:fs'

const program = new URL('../dist/cmd/lightlag.js', import.meta.url)
const isSetUp = existsSync(new URL('../dist/.setup-done', import.meta.url))

if (!isSetUp) await import('../scripts/setup.js')
await import(program.href)
