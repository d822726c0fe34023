/** The bounds of ION's own readers, and ours. */

/** ION reads the rest of a longer line as the next one. */
export const LINE_BYTES_MAX = 255

/** Commands of `r '…'` in words: ION's own splitter takes no more. */
export const RUN_WORDS_MAX = 11

/** Files that pull in files by `r`: deeper is a mistake. */
export const NESTING_MAX = 8

/** `unsigned int`: rates, sizes, counts. */
export const UINT_MAX = 0xffff_ffff

/** ION holds time in 31 bits of seconds: 2038-01-19. */
export const TIME_SEC_MAX = 2_147_483_647

/** ION 4.1.3 refuses larger service numbers. */
export const SERVICE_MAX = 0xffff_ffffn
