/**
 * Deepest nesting that is followed in items that are only skipped. What we read ourselves is nested
 * four deep at most (a status item inside a record); the rest is room for extensions.
 */
export const NESTING_MAX = 16
