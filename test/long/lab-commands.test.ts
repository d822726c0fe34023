/** `lightlag lab …` and `lightlag sim …` as a user has them: also where nothing runs, or too much. */

import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createConnection, createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { LabCommands } from '../support/lab-command.ts'

const SCENARIO = 'scenarios/earth-moon.yaml'

let commands: LabCommands

beforeEach(() => {
  commands = new LabCommands()
})

afterEach(() => commands.dispose())

function leftovers(): readonly string[] {
  return readdirSync(join(commands.directory, 'lightlag', 'labs'))
}

test('without a lab its commands say so', async () => {
  expect(await commands.run(['lab', 'ps'])).toEqual({
    status: 0,
    output: 'no lab runs\n',
    errors: '',
  })
  expect((await commands.run(['lab', 'ps', '--json'])).output).toBe('[]\n')
  for (const words of [['exec', 'mail-1', 'ls'], ['link', 'show'], ['down']]) {
    expect(await commands.run(['lab', ...words])).toEqual({
      status: 1,
      output: '',
      errors: 'no lab runs: "lightlag lab up -d SCENARIO" starts one\n',
    })
  }
})

test('what is mistyped is told before anything runs', async () => {
  for (const [words, errors] of [
    [['up', 'scenarios/earth-mon.yaml'], /cannot read scenarios\/earth-mon.yaml: no such file/],
    [['up', SCENARIO, '--speed', 'fast'], /A speed is 1, 0.5, 60 or max/],
    [['up', SCENARIO, '--client', 'mail-9'], /--client: no host mail-9: one of mail-1.a.com, /],
    [['up', SCENARIO, '--publish', 'mail-1:99=2000'], /one of mail-1.a.com:25, /],
    [['link', 'set', 'earth', 'moon'], /nothing to change/],
  ] as const) {
    const ran = await commands.run(['lab', ...words])
    expect({ words, ...ran }).toMatchObject({ status: 2, errors: expect.stringMatching(errors) })
  }
})

test('a lab in the background is listed, changed and ended; a second one needs another name', async () => {
  const up = await commands.run(['lab', 'up', '-d', SCENARIO])
  expect(up).toMatchObject({ status: 0, errors: '' })
  expect(up.output).toMatch(/^lab earth-moon is up, at speed 1\n/)
  const again = await commands.run(['lab', 'up', '-d', SCENARIO])
  expect(again).toMatchObject({ status: 1, errors: expect.stringContaining('runs already') })
  const other = await commands.run(['lab', 'up', '-d', SCENARIO, '--name', 'other'])
  expect(other.status).toBe(0)
  expect(await commands.run(['lab', 'link', 'show'])).toMatchObject({
    status: 2,
    errors: 'labs earth-moon, other run: "--lab earth-moon" would choose one\n',
  })
  expect(await commands.run(['lab', 'down', '--lab', 'other'])).toMatchObject({ status: 0 })
  const set = ['lab', 'link', 'set', 'earth', 'moon', '--delay', '2s', '--loss', '5%', '--one-way']
  expect(await commands.run(set)).toMatchObject({ status: 0, errors: '' })
  expect((await commands.run(['lab', 'link', 'down', 'moon', 'earth', '--one-way'])).status).toBe(0)
  expect((await commands.run(['lab', 'link', 'show'])).output).toBe(
    'earth -> moon: up, delay 2s, loss 5%\nmoon -> earth: down, delay 500ms, loss 0%\n',
  )
  expect(await commands.run(['lab', 'link', 'up', 'earth', 'mars'])).toMatchObject({
    status: 1,
    errors: 'no link joins earth and mars: one of earth moon would be right\n',
  })
  expect((await commands.run(['lab', 'host', 'kill', 'mail-2'])).status).toBe(0)
  expect(await commands.run(['lab', 'exec', 'mail-2', 'ls'])).toMatchObject({
    status: 1,
    errors: 'mail-2.a.com has no power: "lightlag lab host start mail-2" gives it back\n',
  })
  const [state] = JSON.parse((await commands.run(['lab', 'ps', '--json'])).output)
  expect(state.hosts.map(({ isOn }: { isOn: boolean }) => isOn)).toEqual([true, false, true])
  expect((await commands.run(['lab', 'host', 'start', 'mail-2'])).status).toBe(0)
  expect((await commands.run(['lab', 'exec', 'mail-2', 'hostname'])).output).toBe('mail-2.a.com\n')
  const dashed = ['lab', 'exec', 'mail-2', '--', 'echo', '--', '-n']
  expect((await commands.run(dashed)).output).toBe('-- -n\n')
  expect(await commands.run(['lab', 'exec', 'mail-2', 'sh', '-c', 'cat; exit 3'], 'hi')).toEqual({
    status: 3,
    output: 'hi',
    errors: '',
  })
  expect((await commands.run(['lab', 'down'])).status).toBe(0)
  expect(leftovers()).toEqual([])
})

test('a lab that takes connections and does not answer is told of, and keeps no other from being listed', async () => {
  await commands.up(SCENARIO, '--publish', 'none')
  const silent = createServer()
  silent.listen(join(commands.directory, 'lightlag', 'labs', 'stopped.sock'))
  await once(silent, 'listening')
  const complaint = /^lab stopped: no answer within 30 s: is its process stopped\?/
  const [listed, asked] = await Promise.all([
    commands.run(['lab', 'ps']),
    commands.run(['lab', 'link', 'show', '--lab', 'stopped']),
  ])
  expect(listed).toMatchObject({ status: 0, errors: expect.stringMatching(complaint) })
  expect(listed.output).toMatch(/^earth-moon: at speed 1/)
  expect(asked).toEqual({ status: 1, output: '', errors: expect.stringMatching(complaint) })
  silent.close()
})

test('Ctrl-C leaves nothing behind, and a lab that was killed is in nobody’s way', async () => {
  const first = await commands.up(SCENARIO, '--publish', 'none')
  first.child.kill('SIGINT')
  expect((await first.ended).status).toBe(0)
  expect(leftovers()).toEqual([])
  const second = await commands.up(SCENARIO, '--publish', 'none')
  second.child.kill('SIGKILL')
  await second.ended
  expect(leftovers()).toEqual(['earth-moon.sock'])
  expect((await commands.run(['lab', 'ps'])).output).toBe('no lab runs\n')
  const third = await commands.up(SCENARIO, '--publish', 'none')
  third.child.kill('SIGTERM')
  expect((await third.ended).status).toBe(0)
})

test('who connects to a published port is in the lab, with the delay of its link', async () => {
  await commands.up(SCENARIO)
  const [state] = JSON.parse((await commands.run(['lab', 'ps', '--json'])).output)
  const [, far] = state.hosts
  const smtp = far.services.find(({ service }: { service: string }) => service === 'smtp')
  const socket = createConnection({
    port: Number(smtp.published.split(':')[1]),
    allowHalfOpen: true,
  })
  socket.setEncoding('utf8')
  let heard = ''
  socket.on('data', (text: string) => {
    heard += text
  })
  const began = performance.now()
  // All at once, and nothing after it: the answers come a round trip after the end.
  socket.end('EHLO client.a.com\r\nMAIL FROM:<a@b.com>\r\nQUIT\r\n')
  await once(socket, 'close')
  expect(heard).toMatch(/^220 mail-2\.a\.com .*\r\n250 2\.1\.0 .*\r\n221 /s)
  // One round trip for the handshake and one for the session: never less.
  expect(performance.now() - began).toBeGreaterThan(1900)
})

test('what is sent is drawn, and written for Wireshark', async () => {
  const lab = await commands.up(SCENARIO, '--speed', '20', '--publish', 'none')
  const send = ['lab', 'send', '--from', 'user@mail-1.a.com', 'user@mail-2.a.com', '--size', '2kB']
  expect(await commands.run(send)).toMatchObject({ status: 0, errors: '' })
  await lab.until(/mail-1\.a\.com lightlag\/qmgr.*: removed/)
  expect((await commands.run(['lab', 'diagram'])).output).toMatch(
    /BPv7 ipn:2\.2525 → ipn:3\.2525 [\s\S]*acknowledgement/u,
  )
  expect(await commands.run(['lab', 'diagram', '--host', 'nobody'])).toMatchObject({
    status: 1,
    errors: expect.stringContaining('no host nobody: '),
  })
  expect((await commands.run(['lab', 'diagram', '--protocol', 'smpt'])).status).toBe(2)
  expect((await commands.run(['lab', 'diagram', '--host', 'mail-2'])).output).toContain('BPv7')
  const file = join(commands.directory, 'run.pcapng')
  const stopped = await commands.run(['lab', 'capture', 'stop', file, '--at', 'mail-2'])
  expect(stopped).toMatchObject({ status: 0, output: expect.stringMatching(/^\d+ packets\n$/) })
  expect(readFileSync(file).subarray(0, 4)).toEqual(Buffer.from([0x0a, 0x0d, 0x0d, 0x0a]))
  await commands.run(['lab', 'capture', 'start'])
  expect((await commands.run(['lab', 'capture', 'stop', file])).output).toBe('0 packets\n')
  const unknown = ['lab', 'send', '--from', 'user@mail-2.a.com', 'nobody@mail-2.a.com']
  expect(await commands.run(unknown)).toMatchObject({ status: 67 })
})

test('a lab that is driven by hand is recorded, and played again to the same packets', async () => {
  const file = join(commands.directory, 'run.jsonl')
  const lab = await commands.up(SCENARIO, '--record', file, '--speed', '20')
  const line = 'tc qdisc add dev eth0 root netem loss 20% && echo x | mail user@mail-2.a.com'
  expect((await commands.run(['lab', 'exec', 'mail-1', line])).status).toBe(0)
  await lab.until(/mail-2\.a\.com lightlag\/local.*status=sent/)
  await commands.run(['lab', 'host', 'kill', 'mail-1'])
  await commands.run(['lab', 'down'])
  expect((await lab.ended).status).toBe(0)
  const replayed = await commands.run(['sim', '--replay', file])
  expect(replayed).toMatchObject({ status: 0, errors: '' })
  const { end } = JSON.parse(readFileSync(file, 'utf8').trimEnd().split('\n').at(-1) ?? '')
  expect(replayed.output).toContain(`hash ${end.hash}: as it was recorded\n`)
  expect(await commands.run(['lab', 'up', SCENARIO, '--record', file])).toMatchObject({
    status: 1,
    errors: expect.stringContaining('it is there already'),
  })
})

test('a run is walked through by commands on standard input', async () => {
  const file = join(commands.directory, 'steps.jsonl')
  const script = [
    'exec mail-1 echo Hello | mail user@mail-2.a.com',
    'step 2',
    'to 400ms',
    'until mail-delivered',
    'host mail-1',
    'to 1h',
    'state',
    'quit',
    'never read',
  ]
  const words = ['sim', SCENARIO, '--step', '--record', file]
  const walked = await commands.run(words, script.join('\n'))
  expect(walked).toMatchObject({ status: 0, errors: '' })
  expect(walked.output).toMatch(/^event \d+ at 0\.\d+ s$/m)
  expect(walked.output).toMatch(/mail-1\.a\.com sends to mail-2\.a\.com: /)
  expect(walked.output).toMatch(/mail-2\.a\.com: local: \S+: to=<user@mail-2\.a\.com>/)
  expect(walked.output).toMatch(/^3600\.000 s: \d+ events so far/m)
  expect(await commands.run(['sim', '--replay', file])).toMatchObject({ status: 0 })
  const wrong = await commands.run(
    ['sim', SCENARIO, '--step'],
    'jump\nto yesterday\nexec mail-9 ls\nhost mail-8\n',
  )
  expect(wrong).toEqual({
    status: 2,
    output: '',
    errors: `jump: step, to, host, until, exec, state, help or quit would be right
to yesterday: a time from 0.000 s on, such as 20min, would be right
no host mail-9: one of mail-1.a.com, mail-2.a.com, mail-3.a.com would be right
no host mail-8: one of mail-1.a.com, mail-2.a.com, mail-3.a.com would be right
`,
  })
  const restless = ['sim', 'scenarios/mesh.yaml', '--step']
  expect(await commands.run(restless, 'until mail-deliverd\n')).toMatchObject({
    status: 2,
    errors: 'mail-deliverd: not in 200000 events; the same again goes on\n',
  })
  expect((await commands.run(['sim'])).status).toBe(2)
})
