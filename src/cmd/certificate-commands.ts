/** `lightlag certificate …`: the commands and their options. */

import { type Command, InvalidArgumentError } from 'commander'
import { parseIpAddress } from '../base/ip-address.ts'
import { AUTHORITY_DAYS, CERTIFICATE_DAYS } from '../host/certificate-files.ts'
import {
  formatEndpointId,
  isAdministrative,
  isLocalNode,
  isNullEndpoint,
  parseEndpointId,
} from '../proto/bpv7/endpoint-id.ts'
import {
  type AuthorityArguments,
  certificateAuthority,
  certificateIssue,
  certificateShow,
  type IssueArguments,
} from './certificate.ts'

/** A hundred years. */
const DAYS_MAX = 36_500

/** `exitStatuses` ends every help text. */
export function addCertificateCommands(program: Command, exitStatuses: string): void {
  const certificate = program.command('certificate')

  certificate
    .command('authority')
    .argument('<folder>', 'where to keep it; made where it is not there')
    .description('make an authority, whose certificates other hosts can believe')
    .option('--name <name>', 'what people see of it', 'Lightlag')
    .option('--days <number>', 'how long it lasts', days, AUTHORITY_DAYS)
    .addHelpText(
      'after',
      `
Examples:
  lightlag certificate authority var/authority --name 'Lunar network'
${exitStatuses}`,
    )
    .action((folder: string, options: AuthorityArguments) => certificateAuthority(folder, options))

  certificate
    .command('issue')
    .argument('<folder>', 'where the authority is kept')
    .description('issue a certificate, with one name or more')
    .option('--dns <name>', 'a DNS name: mail-1.a.com', dnsName)
    .option('--node <node>', 'a node ID: ipn:2 or dtn://mail-1/', nodeId)
    .option('--ip <address>', 'an IP address: 172.21.0.3', address)
    .option('--as <name>', 'name of its files (default: its first name)')
    .option('--days <number>', 'how long it lasts', days, CERTIFICATE_DAYS)
    .addHelpText(
      'after',
      `
Examples:
  lightlag certificate issue var/authority --node ipn:2 --dns mail-1.a.com
  lightlag certificate issue var/authority --node ipn:3 --ip 172.22.0.3 --as mail-2

In a host's file: tls: {certificate: mail-2.pem, key: mail-2.key, authority: authority.pem}
${exitStatuses}`,
    )
    .action((folder: string, options: IssueArguments) => certificateIssue(folder, options))

  certificate
    .command('show')
    .argument('<file...>', 'certificates in PEM')
    .description('tell what a certificate says')
    .addHelpText(
      'after',
      `
Examples:
  lightlag certificate show var/mail-1/tls/*.pem
${exitStatuses}`,
    )
    .action((files: readonly string[]) => certificateShow(files))
}

/** Each may be given again and again. */
function dnsName(text: string, before: readonly string[] = []): readonly string[] {
  if (!/^(?=.{1,253}$)(?:\*\.)?[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})*$/i.test(text)) {
    throw new InvalidArgumentError('A DNS name is mail-1.a.com or *.a.com.')
  }
  return [...before, text.toLowerCase()]
}

function nodeId(text: string, before: readonly string[] = []): readonly string[] {
  const id = parseEndpointId(/^ipn:\d+$/.test(text) ? `${text}.0` : text)
  if (id === undefined || !isAdministrative(id) || isNullEndpoint(id) || isLocalNode(id)) {
    throw new InvalidArgumentError('A node is ipn:2 or dtn://mail-1/.')
  }
  return [...before, formatEndpointId(id)]
}

function address(text: string, before: readonly string[] = []): readonly string[] {
  if (parseIpAddress(text) === undefined) {
    throw new InvalidArgumentError('An IP address is 172.21.0.3 or 2001:db8::1.')
  }
  return [...before, text]
}

function days(text: string): number {
  const count = Number(text)
  if (!/^[1-9]\d*$/.test(text) || count > DAYS_MAX) {
    throw new InvalidArgumentError(`Days are from 1 to ${DAYS_MAX}.`)
  }
  return count
}
