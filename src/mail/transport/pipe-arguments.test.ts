import { describe, expect, test } from 'vitest'
import { parseMailbox } from '../../proto/smtp/path.ts'
import { type PipeMail, pipeArguments } from './pipe-arguments.ts'

function mailTo(...recipients: readonly string[]): PipeMail {
  return {
    mail: {
      queueId: 'Q1',
      sizeBytes: 99,
      from: { reversePath: { localPart: 'ann', domain: 'a.com' }, parameters: {} },
    },
    recipients: recipients.map((text) => {
      const mailbox = parseMailbox(text)
      if (mailbox === undefined) throw new Error(`no mailbox: ${text}`)
      return mailbox
    }),
    recipientParameters: [{ originalRecipient: { type: 'rfc822', address: 'first@b.com' } }],
  }
}

describe('what arguments stand for', () => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: as in a configuration file
  const braced = '-f${sender}'

  test.each([
    ['$sender', ['ann@a.com']],
    [braced, ['-fann@a.com']],
    ['$recipient', ['bob+x@b.com', 'eve@c.com']],
    ['--to=$(recipient)', ['--to=bob+x@b.com', '--to=eve@c.com']],
    ['$mailbox', ['bob+x', 'eve']],
    ['$user', ['bob', 'eve']],
    ['$extension', ['x', '']],
    ['$domain', ['b.com', 'c.com']],
    ['$nexthop', ['b.com', 'c.com']],
    ['$original_recipient', ['first@b.com', 'eve@c.com']],
    ['$queue_id:$size', ['Q1:99']],
    ['a;b|$$(x)', ['a;b|$(x)']],
  ])('%s', (template, args) => {
    expect(pipeArguments([template], mailTo('bob+x@b.com', 'eve@c.com'))).toEqual(args)
  })

  test('a null sender has the name that Postfix gives it', () => {
    const { mail, ...rest } = mailTo('b@b.com')
    const report = { ...mail, from: { reversePath: undefined, parameters: {} } }
    expect(pipeArguments(['$sender'], { ...rest, mail: report })).toEqual(['MAILER-DAEMON'])
  })

  test('what a stranger has written is never taken for more than it is', () => {
    const strange = mailTo('"a b;$(id) $sender"@b.com')
    expect(pipeArguments(['$mailbox'], strange)).toEqual(['a b;$(id) $sender'])
  })

  test.each([
    ['$recipient', '-oQ/tmp@b.com', '5.1.3'],
    ['$user', '-x@b.com', '5.1.3'],
  ])('%s of %s would be an option, and is refused', (template, recipient, status) => {
    expect(() => pipeArguments([template], mailTo(recipient))).toThrow(
      expect.objectContaining({ code: 'transport/refused', temporary: false, detail: { status } }),
    )
    expect(pipeArguments([`--to=${template}`], mailTo(recipient))).toHaveLength(1)
  })

  test('so would a sender, which is refused as one', () => {
    const { mail, ...rest } = mailTo('b@b.com')
    const from = { reversePath: { localPart: '-x', domain: 'a.com' }, parameters: {} }
    expect(() => pipeArguments(['$sender'], { ...rest, mail: { ...mail, from } })).toThrow(
      expect.objectContaining({ detail: { status: '5.1.7' } }),
    )
  })
})
