/** The bounds of the DTPC service, each with its reason. */

/** Items of ours that are not over, and their bytes on the disk: what applications may leave to us. */
export const OUTGOING_COUNT_MAX = 20_000
export const OUTGOING_BYTES_MAX = 536_870_912

/** A single item, which is in memory as a whole; ION dies of more than 131,000 bytes. */
export const ITEM_BYTES_MAX = 50_331_648

/** Items that wait for the application of their topic, which was here before: it will be back. */
export const INBOX_COUNT_MAX = 100_000
export const INBOX_BYTES_MAX = 536_870_912

/** The same for topics that no application has ever opened: perhaps it is only not started yet. */
export const UNCLAIMED_COUNT_MAX = 1000
export const UNCLAIMED_BYTES_MAX = 67_108_864

/** Topics that are remembered because an application had them open. */
export const TOPICS_MAX = 1000

/** Sets of changes that go to the disk together. */
export const CHANGES_TOGETHER_MAX = 64

/** What the disk did not take is offered to it again after this. */
export const COMMIT_AGAIN_MS = 1000
