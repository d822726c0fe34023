// Loads the library entry `lightlag/bpv7`, as it is built, into a context that has nothing but the
// language and the coders of text, as the least of browsers has, and uses it there. Started with
// --experimental-vm-modules, which is why it is a program of its own.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import vm from 'node:vm'

const context = vm.createContext({ TextEncoder, TextDecoder })
const modules = new Map()

function load(url) {
  const known = modules.get(url)
  if (known !== undefined) return known
  const source = readFileSync(fileURLToPath(url), 'utf8')
  const module = new vm.SourceTextModule(source, { context, identifier: url })
  modules.set(url, module)
  return module
}

const entry = load(import.meta.resolve('lightlag/bpv7'))
await entry.link((specifier, from) => {
  if (!specifier.startsWith('.')) throw new Error(`${from.identifier} imports ${specifier}`)
  return load(new URL(specifier, from.identifier).href)
})
await entry.evaluate()

const { decodeBundle, encodeBundle, bundleId, fragmentBundle, Reassembly } = entry.namespace
const bytes = Uint8Array.from(Buffer.from(process.argv[2], 'hex'))
const decoded = decodeBundle(bytes)
if (!decoded.ok) throw decoded.fault
const fragments = fragmentBundle(decoded.value, bytes.length - 1)
if (!fragments.ok) throw fragments.fault
const reassembly = new Reassembly(fragments.value[0])
const whole = fragments.value.map((fragment) => reassembly.add(fragment)).at(-1)
const report = {
  id: bundleId(decoded.value),
  hex: Buffer.from(encodeBundle(decoded.value)).toString('hex'),
  refused: decodeBundle(bytes.subarray(1)).ok === false,
  fragments: fragments.value.length,
  payload: Buffer.from(whole.value.payload.data).toString('latin1'),
  modules: modules.size,
}
process.stdout.write(`${JSON.stringify(report)}\n`)
