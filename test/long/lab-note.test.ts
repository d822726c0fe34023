/** The note's commands, one after the other, on hosts of `lightlag lab up` instead of containers. */

import { afterAll, expect, test } from 'vitest'
import { HostShell, LabCommands } from '../support/lab-command.ts'

const commands = new LabCommands()

afterAll(() => commands.dispose())

test("the note's commands give what the note shows", async () => {
  // docker compose up -d --build
  const lab = await commands.up('scenarios/earth-moon.yaml', '--speed', '1')
  // docker compose exec mail-3 /bin/bash
  const client = await commands.run(['lab', 'exec', 'mail-3', '/bin/bash'], 'hostname\n')
  expect(client).toEqual({ status: 0, output: 'mail-3.a.com\n', errors: '' })
  // docker exec -it mail1 bash
  const mail1 = new HostShell(commands.start('lab', 'exec', 'mail-1', 'bash'))
  const mail2 = new HostShell(commands.start('lab', 'exec', 'mail-2', 'bash'))

  expect(await mail1.type('tc qdisc del dev eth0 root 2>&1')).toBe(
    'Error: Cannot delete qdisc with handle of zero.\n',
  )
  expect(await mail1.type('tc qdisc add dev eth0 root netem delay 500ms')).toBe('')
  expect(await mail1.type('tc qdisc show dev eth0')).toBe(
    'qdisc netem 8001: root refcnt 2 limit 1000 delay 500ms\n',
  )
  expect(await mail1.type('tc qdisc replace dev eth0 root netem delay 0ms')).toBe('')

  // Send email
  const send = 'echo "Hello from mail1" | mail -s "Test Email" user1@mail-2.a.com'
  expect(await mail1.type(send)).toBe('')
  await lab.until(/mail-2\.a\.com lightlag\/local.*to=<user1@mail-2\.a\.com>.*status=sent/)
  expect(await mail2.type('ls /home/user1/Maildir/new/')).toMatch(/^\S+mail-2\.a\.com\S*\n$/)
  expect(await mail2.type('cat /home/user1/Maildir/new/ 2>&1')).toBe(
    'cat: /home/user1/Maildir/new/: Is a directory\n',
  )
  const got = await mail2.type('cat /home/user1/Maildir/new/*')
  expect(got).toContain('To: <user1@mail-2.a.com>')
  expect(got).toContain('Subject: Test Email')
  expect(got).toMatch(/\r?\n\r?\nHello from mail1\r?\n/)

  // Reply email
  const reply = 'echo "Reply from mail2" | mail -s "Test Reply" user1@mail-1.a.com'
  expect(await mail2.type(reply)).toBe('')
  await lab.until(/mail-1\.a\.com lightlag\/local.*to=<user1@mail-1\.a\.com>.*status=sent/)
  const mailbox = await mail1.type('cat /var/mail/user1')
  expect(mailbox).toMatch(/^From root@mail-2\.a\.com /)
  expect(mailbox).toContain('Subject: Test Reply')
  expect(mailbox).toMatch(/\n\nReply from mail2\n/)
  expect(await mail1.type('cat /var/log/mail.log')).toMatch(
    /mail-1\.a\.com lightlag\/qmgr\[\d+\]: \S+: from=<root@mail-1\.a\.com>, size=\d+, nrcpt=1/,
  )

  // bpcounter ipn:3.2 3, and bpdriver 3 ipn:2.2 ipn:3.2 -10000 on the other host
  const counter = commands.start('lab', 'exec', 'mail-2', 'bpcounter', 'ipn:3.2', '3')
  await running('bpcounter ipn:3.2 3')
  const driven = await mail1.type('bpdriver 3 ipn:2.2 ipn:3.2 -10000')
  expect(driven).toMatch(/Total bundles: 3\n.*\nTotal bytes: 30000\n/)
  expect(await counter.ended).toMatchObject({
    status: 0,
    output: expect.stringMatching(/bundles received: 3\n.*\nTotal bytes: 30000\n/),
  })

  // bpsink ipn:3.2, and bpsource with a here-document on the other host
  const sink = commands.start('lab', 'exec', 'mail-2', 'bpsink', 'ipn:3.2')
  await running('bpsink ipn:3.2')
  await mail1.type(`bpsource ipn:3.2 <<EOF
From: alice@ion
To: bob@ion
Subject: Multi-line Test

Hello Bob,
This is the first line.
This is the second line.
!
EOF`)
  const sunk = await sink.until(/This is the second line\./)
  for (const line of ['From: alice@ion', 'Subject: Multi-line Test', 'Hello Bob,']) {
    expect(sunk).toContain(line)
  }
  sink.child.kill('SIGINT')
  expect(await sink.ended).toMatchObject({ status: 0 })

  // docker compose down -v
  expect(await commands.run(['lab', 'down'])).toMatchObject({ status: 0, errors: '' })
  expect((await lab.ended).status).toBe(0)
  expect(await mail1.running.ended).toMatchObject({ status: 1 })
  expect(await commands.run(['lab', 'ps'])).toMatchObject({ output: 'no lab runs\n' })
})

/** Waits until the lab says that a command runs. */
async function running(command: string): Promise<void> {
  for (;;) {
    const { output } = await commands.run(['lab', 'ps'])
    if (output.includes(`runs ${command}\n`)) return
  }
}
