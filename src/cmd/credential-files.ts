/** Passwords for smart hosts, each in a file of its own that nobody else may read. */

import { dirname, resolve } from 'node:path'
import { Fault } from '../base/fault.ts'
import type { ConfigFaultCode } from '../config/fault.ts'
import { parseCredentials } from '../config/mail-outgoing.ts'
import type { NodeConfig } from '../config/node-config.ts'
import { readPrivateFile } from '../host/private-file.ts'

/** Throws a Fault where a file is not there, open to others, or not `user:password`. */
export function withCredentials(config: NodeConfig, configFile: string): NodeConfig {
  const { outgoing, credentialFiles } = config
  if (outgoing === undefined) return config
  const routes = outgoing.routes?.map((route) => {
    const name = credentialFiles.get(route.route)
    if (name === undefined) return route
    return { ...route, credentials: readCredentials(resolve(dirname(configFile), name)) }
  })
  return { ...config, outgoing: { ...outgoing, ...(routes && { routes }) } }
}

function readCredentials(file: string): { readonly user: string; readonly password: string } {
  const text = readPrivateFile(file)
  if (text === undefined) throw unreadable(`cannot read ${file}: it is not there`)
  const credentials = parseCredentials(text)
  if (credentials !== undefined) return credentials
  throw unreadable(`${file}:1: no credentials: one line "user:password" would be right`)
}

function unreadable(message: string): Fault {
  return new Fault<ConfigFaultCode>('config/unreadable', message, { temporary: false })
}
