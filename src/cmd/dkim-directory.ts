import { dirname, join, resolve } from 'node:path'
import type { NodeConfig } from '../config/node-config.ts'

/** Where a host's keys are. */
export function dkimDirectoryOf(config: NodeConfig, configFile: string): string {
  const from = dirname(configFile)
  return config.dkim === undefined
    ? join(resolve(from, config.directory), 'dkim')
    : resolve(from, config.dkim.directory)
}
