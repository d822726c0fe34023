/**
 * Postfix beside any other on the machine: its own files, queue, ports and master process, all in
 * one directory. Set up in its favour: no logging, no name lookups, no delay of what comes in, and
 * as many deliveries to one mailbox at a time as there are sessions.
 */

import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const POSTFIX_MASTER = '/usr/lib/postfix/sbin/master'

export function postfixFiles(
  directory: string,
  { smtp, nobody }: { readonly smtp: number; readonly nobody: number },
): void {
  const etc = join(directory, 'etc')
  mkdirSync(etc)
  mkdirSync(join(directory, 'queue'))
  mkdirSync(join(directory, 'mail'))
  // Where local(8) makes a Maildir as the user whose it is.
  chmodSync(join(directory, 'mail'), 0o1777)
  writeFileSync(join(etc, 'main.cf'), mainCf(directory, nobody))
  writeFileSync(join(etc, 'master.cf'), masterCf(smtp))
  execFileSync('/usr/sbin/postfix', ['-c', etc, 'check'], { stdio: 'ignore' })
}

function mainCf(directory: string, nobody: number): string {
  return `compatibility_level = 3.6
queue_directory = ${directory}/queue
data_directory = ${directory}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = mail.example
mydestination = mail.example
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
local_recipient_maps =
mail_spool_directory = ${directory}/mail/
relayhost = [127.0.0.1]:${nobody}
disable_dns_lookups = yes
smtpd_peername_lookup = no
biff = no
in_flow_delay = 0
default_process_limit = 200
local_destination_concurrency_limit = 20
`
}

function masterCf(smtp: number): string {
  const services = [
    `127.0.0.1:${smtp} inet n - n - - smtpd`,
    'pickup unix n - n 60 1 pickup',
    'cleanup unix n - n - 0 cleanup',
    'qmgr unix n - n 300 1 qmgr',
    'rewrite unix - - n - - trivial-rewrite',
    'bounce unix - - n - 0 bounce',
    'defer unix - - n - 0 bounce',
    'trace unix - - n - 0 bounce',
    'smtp unix - - n - - smtp',
    'relay unix - - n - - smtp',
    'error unix - - n - - error',
    'retry unix - - n - - error',
    'local unix - n n - - local',
    'proxymap unix - - n - - proxymap',
    'anvil unix - - n - 1 anvil',
    'scache unix - - n - 1 scache',
    'tlsmgr unix - - n 1000? 1 tlsmgr',
  ]
  return `${services.join('\n')}\n`
}
