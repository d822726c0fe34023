/** Exit statuses of sysexits.h: what programs that call sendmail look for. */

export const EX = {
  usage: 64,
  dataErr: 65,
  noUser: 67,
  noHost: 68,
  osErr: 71,
  tempFail: 75,
  noPerm: 77,
} as const

/** Of a mail that was refused for good, by its enhanced status code. RFC 3463 §3. */
export function statusOf(enhanced: string): number {
  if (/^5\.1\.[12]$/.test(enhanced)) return enhanced === '5.1.1' ? EX.noUser : EX.noHost
  return enhanced.startsWith('5.7.') ? EX.noPerm : EX.dataErr
}
