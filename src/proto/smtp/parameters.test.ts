import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { asFault } from '../../base/fault.ts'
import { wallMs } from '../../base/time.ts'
import type { MailParameters, RecipientParameters } from './envelope.ts'
import {
  formatMailParameters,
  formatRecipientParameters,
  parseMailParameters,
  parseRecipientParameters,
} from './parameters.ts'

function codeOf(parse: () => unknown): unknown {
  try {
    return parse()
  } catch (error) {
    return asFault(error).code
  }
}

describe('parameters of MAIL', () => {
  test('each is read as what it means', () => {
    expect(
      parseMailParameters(
        ' SIZE=7 BODY=8bitmime SMTPUTF8 RET=hdrs ENVID=QQ+3D1 BY=-5;NT HOLDFOR=60 MT-PRIORITY=-9 REQUIRETLS AUTH=<>',
      ),
    ).toEqual({
      sizeBytes: 7,
      body: '8BITMIME',
      smtpUtf8: true,
      ret: 'HDRS',
      envelopeId: 'QQ=1',
      deliverBy: { seconds: -5, mode: 'notify', trace: true },
      hold: { forSec: 60 },
      priority: -9,
      requireTls: true,
    })
    expect(parseMailParameters('HOLDUNTIL=2026-11-23T08:00:00Z')).toEqual({
      hold: { until: wallMs(1_795_420_800_000) },
    })
  })

  test.each([
    'RET=NONE',
    'RET=FULL RET=FULL',
    'ENVID=',
    'ENVID=+0D',
    `ENVID=${'a'.repeat(101)}`,
    'BY=0;R',
    'BY=1;X',
    'HOLDFOR=0',
    'HOLDFOR=1 HOLDUNTIL=2026-11-23T08:00:00Z',
    'HOLDUNTIL=tomorrow',
    'MT-PRIORITY=10',
    'SMTPUTF8=1',
  ])('%s is refused', (text) => {
    expect(codeOf(() => parseMailParameters(text))).toBe('smtp/bad-arguments')
  })
})

describe('parameters of RCPT (RFC 3461 §4)', () => {
  test('each is read as what it means', () => {
    expect(parseRecipientParameters('NOTIFY=success,Delay ORCPT=rfc822;Bob+40x.org')).toEqual({
      notify: ['success', 'delay'],
      originalRecipient: { type: 'rfc822', address: 'Bob@x.org' },
    })
  })

  test.each(['NOTIFY=', 'NOTIFY=NEVER,DELAY', 'ORCPT=rfc822', 'ORCPT=rfc822;+0A', 'ORCPT=;x'])(
    '%s is refused',
    (text) => {
      expect(codeOf(() => parseRecipientParameters(text))).toBe('smtp/bad-arguments')
    },
  )

  test('those of MAIL are unknown to it', () => {
    expect(codeOf(() => parseRecipientParameters('SIZE=1'))).toBe('smtp/unknown-parameter')
    expect(codeOf(() => parseRecipientParameters('constructor'))).toBe('smtp/unknown-parameter')
  })
})

const printable = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 8 })
  .filter((text) => /^[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}]+$/u.test(text) && encodeURI(text).length < 90)

const mail: fc.Arbitrary<MailParameters> = fc.record(
  {
    sizeBytes: fc.nat(),
    body: fc.constantFrom('7BIT' as const, '8BITMIME' as const, 'BINARYMIME' as const),
    smtpUtf8: fc.constant(true as const),
    ret: fc.constantFrom('FULL' as const, 'HDRS' as const),
    envelopeId: printable,
    deliverBy: fc.record({
      seconds: fc.integer({ min: 1, max: 999_999_999 }),
      mode: fc.constantFrom('return' as const, 'notify' as const),
      trace: fc.boolean(),
    }),
    hold: fc.oneof(
      fc.record({ forSec: fc.integer({ min: 1, max: 999_999_999 }) }),
      fc.record({ until: fc.nat(4_000_000_000_000).map(wallMs) }),
    ),
    priority: fc.integer({ min: -9, max: 9 }),
    requireTls: fc.constant(true as const),
  },
  { requiredKeys: [] },
)

const recipient: fc.Arbitrary<RecipientParameters> = fc.record(
  {
    notify: fc.oneof(
      fc.constant(['never'] as const),
      fc.uniqueArray(fc.constantFrom('success', 'failure', 'delay'), { minLength: 1 }),
    ),
    originalRecipient: fc.record({ type: fc.constantFrom('rfc822', 'utf-8'), address: printable }),
  },
  { requiredKeys: [] },
)

test('property: parsing gives back what was formatted', () => {
  fc.assert(
    fc.property(mail, recipient, (ofMail, ofRecipient) => {
      expect(parseMailParameters(formatMailParameters(ofMail))).toEqual(ofMail)
      expect(parseRecipientParameters(formatRecipientParameters(ofRecipient))).toEqual(ofRecipient)
    }),
  )
})

test('property: no text makes it throw anything but a Fault', () => {
  const almost = fc
    .array(
      fc.constantFrom('ENVID=', 'BY=', 'NOTIFY=', 'ORCPT=', 'HOLDUNTIL=', '+', '2', ';', ' ', 'R'),
    )
    .map((parts) => parts.join(''))
  fc.assert(
    fc.property(fc.oneof(almost, fc.string()), (text) => {
      codeOf(() => parseMailParameters(text))
      codeOf(() => parseRecipientParameters(text))
    }),
  )
})
