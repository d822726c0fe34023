/** Every bound of the search, with its reason. */

/** How long after the last fault queues may take: two dozen of the longest waits between two attempts, 64 round trips. */
export const DRAIN_MS_MAX: number = 40 * 86_400_000

/** How often it is looked whether they are empty. */
export const DRAIN_STEP_MS = 1_800_000

/** In which what was sent too often arrives: twice the longest delay of a way. */
export const LATE_MS: number = 2 * 3_600_000

/** After a start that failed. */
export const START_AGAIN_MS = 60_000

/** Of every so many trials one is played twice, to see that it has the same history. */
export const REPEATED_ONE_IN = 10

/** Trials that may be played to make one reproduction shorter. */
export const SHRINKING_TRIALS_MAX = 200
