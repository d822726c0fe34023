/** Dovecot's LMTP server beside any other Dovecot: its own files, port and master process. */

import { chownSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const DOVECOT = '/usr/sbin/dovecot'

/** Debian's user `mail`. */
export const MAIL_UID = 8

export function dovecotFiles(directory: string, lmtp: number): void {
  const mail = join(directory, 'mail')
  mkdirSync(mail)
  chownSync(mail, MAIL_UID, MAIL_UID)
  writeFileSync(
    join(directory, 'dovecot.conf'),
    `base_dir = ${directory}/run
state_dir = ${directory}/state
protocols = lmtp
ssl = no
log_path = /dev/null
mail_location = maildir:${mail}/%n
first_valid_uid = 1
passdb {
  driver = static
  args = nopassword=yes
}
userdb {
  driver = static
  args = uid=${MAIL_UID} gid=${MAIL_UID} home=${mail}/%n allow_all_users=yes
}
service lmtp {
  process_min_avail = 4
  process_limit = 200
  inet_listener lmtp {
    address = 127.0.0.1
    port = ${lmtp}
  }
}
service stats {
  unix_listener stats-writer {
    mode = 0666
  }
}
`,
  )
}
