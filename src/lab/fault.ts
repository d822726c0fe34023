export type LabFaultCode =
  | 'lab/too-many-events'
  | 'lab/stuck'
  | 'lab/not-retrieved'
  | 'lab/not-shown'
  /** A run that was recorded does not come about again. */
  | 'lab/diverged'
  | 'lab/bad-recording'
