/** Where in a dialogue a fault can be made on purpose. */
export const FAULT_POINTS = ['EHLO', 'MAIL', 'RCPT', 'DATA', 'end-of-data'] as const

export type FaultPoint = (typeof FAULT_POINTS)[number]
