import { describe, expect, it } from 'vitest'
import {
  autoconfigXml,
  type ClientConfigOptions,
  formatServiceRecord,
  mobileConfig,
  serviceRecords,
} from './client-config.ts'

const OPTIONS: ClientConfigOptions = {
  address: 'ann@a.com',
  hostname: 'mail-1.a.com',
  ports: { imap: 143, imaps: 993, submission: 587 },
}

describe('what mail programs configure themselves from', () => {
  it('lists servers for Thunderbird, TLS from the first octet before STARTTLS', () => {
    const xml = autoconfigXml(OPTIONS)
    const found = [
      ...xml.matchAll(
        /type="(\w+)">\s*<hostname>([^<]+)<\/hostname>\s*<port>(\d+)<\/port>\s*<socketType>(\w+)/g,
      ),
    ]
    expect(found.map((match) => match.slice(1))).toEqual([
      ['imap', 'mail-1.a.com', '993', 'SSL'],
      ['imap', 'mail-1.a.com', '143', 'STARTTLS'],
      ['smtp', 'mail-1.a.com', '587', 'STARTTLS'],
    ])
    expect(xml).toContain('<domain>a.com</domain>')
  })

  it('says by SRV records what there is and what there is not', () => {
    expect(serviceRecords(OPTIONS).map(formatServiceRecord)).toEqual([
      '_imaps._tcp.a.com. 3600 IN SRV 0 1 993 mail-1.a.com.',
      '_imap._tcp.a.com. 3600 IN SRV 10 1 143 mail-1.a.com.',
      '_pop3s._tcp.a.com. 3600 IN SRV 0 0 0 .',
      '_pop3._tcp.a.com. 3600 IN SRV 10 0 0 .',
      '_submissions._tcp.a.com. 3600 IN SRV 0 0 0 .',
      '_submission._tcp.a.com. 3600 IN SRV 10 1 587 mail-1.a.com.',
    ])
  })

  it('makes the same profile each time, and none where mail could not be read or sent', () => {
    const profile = mobileConfig(OPTIONS)
    expect(profile).toBe(mobileConfig(OPTIONS))
    expect(profile).toContain(
      '<key>IncomingMailServerPortNumber</key>\n      <integer>993</integer>',
    )
    expect(profile).toMatch(/<string>[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}<\/string>/)
    expect(mobileConfig({ ...OPTIONS, ports: { imap: 143 } })).toBeUndefined()
  })

  it('lets nothing in an address become markup', () => {
    const address = '"<x>&"@a.com'
    expect(autoconfigXml({ ...OPTIONS, address })).not.toContain('<x>')
    expect(mobileConfig({ ...OPTIONS, address })).toContain('&#60;x&#62;&#38;')
  })
})
