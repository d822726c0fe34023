import { type NodeConfig, parseNodeConfig } from '../config/node-config.ts'
import { EXIT, Failure } from './failure.ts'
import { readText } from './files.ts'

/** Of a host's file; a Failure with all that is wrong with it. */
export function readConfig(file: string): NodeConfig {
  const parsed = parseNodeConfig(readText(file), file)
  if (!parsed.ok) throw new Failure(EXIT.usage, parsed.fault.message)
  return parsed.value
}
