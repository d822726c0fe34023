import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatEvent } from '../../src/host/log.ts'
import type { ExecOptions, LabMachine } from '../../src/lab/machine.ts'
import { earthMoon, mailOf, TestLab } from '../support/lab.ts'

/** Runs a script until it ends; what it writes, and with what it ends. */
async function run(
  lab: TestLab,
  host: LabMachine,
  script: string,
  options: ExecOptions & { readonly input?: string } = {},
): Promise<{ readonly output: string; readonly errors: string; readonly status: number }> {
  const process = host.exec(['sh', '-c', script], options)
  if (options.input !== undefined) process.type(options.input)
  process.endInput()
  const status = await lab.lab.perform(process.status)
  return { output: process.output, errors: process.errors, status }
}

async function start(): Promise<TestLab> {
  return TestLab.start(earthMoon(), { logLines: formatEvent })
}

test("the note's mail crosses: written here, listed and read there", async () => {
  const lab = await start()
  const sent = await run(
    lab,
    lab.mail1,
    'echo "Hello from mail1" | mail -s "Test Email" user@mail-2.a.com',
  )
  expect(sent).toEqual({ output: '', errors: '', status: 0 })
  await lab.until('mail-removed', 2)
  const listed = await run(lab, lab.mail2, 'ls /home/user/Maildir/new/')
  expect(listed.output).toMatch(/^\d+\.\S+\n$/)
  const read = await run(lab, lab.mail2, 'cat /home/user/Maildir/new/*; cat /var/mail/user')
  expect(read.output).toMatch(/Subject: Test Email\r?\n(?:.+\r?\n)+\r?\nHello from mail1\r?\n/)
  expect(read.output).toMatch(/^From root@mail-1.a.com .* 2026$/m)
  const log = await run(lab, lab.mail1, 'cat /var/log/mail.log')
  expect(log.output).toMatch(/to=<user@mail-2.a.com>, .*status=sent/)
  expect(await run(lab, lab.mail2, 'cat /home/user/Maildir/new/')).toEqual({
    output: '',
    errors: 'cat: /home/user/Maildir/new/: Is a directory\n',
    status: 1,
  })
})

test('mailq lists what waits, and mail says who has none', async () => {
  const lab = await start()
  expect((await run(lab, lab.mail1, 'mailq')).output).toBe('Mail queue is empty\n')
  await run(lab, lab.mail1, 'echo x | mail user@mail-2.a.com', { user: 'user' })
  expect((await run(lab, lab.mail1, 'mailq')).output).toMatch(/ user@mail-1.a.com\n/)
  expect(await run(lab, lab.mail1, 'mail -H -u user')).toMatchObject({
    errors: 'No mail for user\n',
    status: 1,
  })
  await lab.until('mail-removed')
  expect((await run(lab, lab.mail2, 'mail -H', { user: 'user' })).output).toMatch(
    /^>N {2}1 user@mail-1.a.com +Mon Nov 23 08:00/,
  )
})

test('sendmail takes a message from a here-document', async () => {
  const lab = await start()
  const script = `sendmail -t <<EOF\n${mailOf('by hand').replaceAll('\r', '')}EOF`
  expect(await run(lab, lab.mail1, script)).toMatchObject({ errors: '', status: 0 })
  await lab.until('mail-removed')
  expect((await lab.mailbox(lab.mail2))[0]).toContain('by hand')
})

test('bpsource and bpsink take their text and their Ctrl-C in the shell', async () => {
  const lab = await start()
  const sink = lab.mail2.exec('bpsink ipn:3.2')
  await lab.runFor(10)
  const source = 'bpsource ipn:3.2 <<EOF\nHello Bob,\nThis is the second line.\n!\nEOF'
  expect(await run(lab, lab.mail1, source)).toMatchObject({ status: 0 })
  await lab.runFor(2000)
  expect(sink.output).toContain('This is the second line.')
  sink.interrupt()
  await lab.lab.perform(sink.status)
})

test('files are written, added to, read and found by patterns', async () => {
  const lab = await start()
  const script = `cd /nowhere || cd ~ ; pwd
echo one >a.txt; echo 'two  three' >>a.txt; echo -n x > b.txt
cat < a.txt; ls *.txt; ls -1 ~/nothing 2>/dev/null; echo "*" '?'; ls ?.tx*`
  const made = await run(lab, lab.mail1, script)
  expect(made.output).toBe('/root\none\ntwo  three\na.txt\nb.txt\n* ?\na.txt\nb.txt\n')
  expect(
    await run(lab, lab.mail1, 'cat nothing && echo no || echo yes; exit 3; echo never'),
  ).toEqual({ output: 'yes\n', errors: 'cat: nothing: No such file or directory\n', status: 3 })
  expect(await run(lab, lab.mail1, 'echo x >/var/log/mail.log')).toMatchObject({
    errors: 'sh: Permission denied\n',
    status: 1,
  })
})

test('no path ends the lab, whatever stands in it', async () => {
  const lab = await start()
  expect((await run(lab, lab.mail1, 'ls -l /')).output).toMatch(
    /^drwx------ +0 Nov 23 08:00:00 home\n(?:drwx------ .* \w+\n)+$/,
  )
  const parts = fc.array(
    fc.constantFrom('/', '//', '.', '..', '~', '*', '?', 'home', 'var/mail/user', 'log', "''"),
    { maxLength: 5 },
  )
  const command = fc.constantFrom(
    'ls',
    'ls -la',
    'ls -d',
    'cat',
    'cat <',
    'cd',
    'echo x >',
    'echo x >>',
    'mail -f',
  )
  await fc.assert(
    fc.asyncProperty(command, parts, async (name, path) => {
      await run(lab, lab.mail1, `${name} ${path.join('')}`)
    }),
  )
})

test('what is not there is said', async () => {
  const lab = await start()
  expect(await run(lab, lab.mail1, 'thunderbird')).toEqual({
    output: '',
    errors: 'thunderbird: command not found\n',
    status: 127,
  })
  expect(await run(lab, lab.mail1, 'echo $HOME')).toEqual({
    output: '',
    errors: 'sh: $: variables and substitutions are not in this shell\n',
    status: 2,
  })
  expect((await run(lab, lab.mail1, 'cat <<EOF\nx')).errors).toBe(
    'sh: syntax error: unexpected end of file\n',
  )
  expect((await run(lab, lab.mail1, 'mail -z')).status).toBe(64)
  expect((await run(lab, lab.mail1, 'help')).output).toContain('bpsource')
})

test('what cannot be a file, or a user, is refused, and the lab goes on', async () => {
  const lab = await start()
  for (const script of ['echo x >/', 'echo x >>/home', 'cat </', "echo x >''"]) {
    const refused = await run(lab, lab.mail1, script)
    expect(refused).toMatchObject({ output: '', status: 1 })
    expect(refused.errors).toMatch(/Is a directory\n$/)
  }
  expect(await run(lab, lab.mail1, 'whoami', { user: '../../\u001b' })).toEqual({
    output: '',
    errors: '"../../\\u001b": a name such as user would be right\n',
    status: 1,
  })
  for (const tool of ['bpsendfile ipn:2.1 ipn:3.1', 'ionadmin']) {
    for (const file of ['../../x', "''", 'a//b', '/']) {
      const refused = await run(lab, lab.mail1, `${tool} ${file}`)
      expect(refused).toMatchObject({ output: '', status: 1 })
      expect(refused.errors).toMatch(/: (not-found|failed): \//)
    }
  }
  expect(await run(lab, lab.mail1, 'whoami')).toMatchObject({ output: 'root\n', status: 0 })
})

test('a shell reads its commands from standard input, and lets them read from it', async () => {
  const lab = await start()
  const shell = lab.mail1.exec('bash', { terminal: { input: true, output: true } })
  shell.type('cd /home\npwd\ncat <<EOF\nfrom here\nEOF\n')
  await lab.runFor(1)
  expect(shell.output).toBe(
    'root@mail-1:~# root@mail-1:/home# /home\nroot@mail-1:/home# > > from here\nroot@mail-1:/home# ',
  )
  shell.type('sleep 100000\n')
  await lab.runFor(1)
  shell.interrupt()
  await lab.runFor(1)
  shell.type('cat\nto the cat\n')
  await lab.runFor(1)
  shell.interrupt()
  await lab.runFor(1)
  shell.type('echo after\n')
  shell.endInput()
  expect(await lab.lab.perform(shell.status)).toBe(0)
  expect(shell.output).toContain('to the cat\n')
  expect(shell.output).toContain('after\n')
})

test('a pipe that nobody reads holds no more than its bound', async () => {
  const lab = await start()
  const big = 'x'.repeat(1_000_000)
  const script = `cat | sleep 1`
  const ended = await run(lab, lab.mail1, script, { input: big.repeat(20) })
  expect(ended.errors).toBe('sh: nobody reads what is written into the pipe: the rest is lost\n')
})

test('a command on a host that loses its power ends there and then', async () => {
  const lab = await start()
  const process = lab.mail1.exec('sleep 1000')
  await lab.runFor(10)
  lab.mail1.kill()
  expect(await lab.lab.perform(process.status)).toBe(137)
})
