/** Transactions waiting for an acknowledgement, all destinations together; beyond it mail stays in the queue. */
export const OPEN_TRANSACTIONS_MAX = 100_000

/** What the far gateway may take to flush a mail and answer before it is asked again. */
export const PROCESSING_ALLOWANCE_MS = 2000

/** The wait for an acknowledgement doubles with each attempt, this often at the most. */
export const RESEND_DOUBLINGS_MAX = 6

/** How much longer than its lifetime a transaction is remembered: covers clocks that differ. */
export const REMEMBER_MARGIN_MS = 86_400_000

/** Transactions remembered as taken; beyond it none is taken until some have expired. */
export const TAKEN_MAX = 1_000_000

/** Expired records removed with each new one, so that the table shrinks as fast as it grew. */
export const FORGET_BATCH = 16
