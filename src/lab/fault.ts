export type LabFaultCode =
  | 'lab/too-many-events'
  | 'lab/stuck'
  | 'lab/not-retrieved'
  | 'lab/not-shown'
  /** A run that was recorded does not come about again. */
  | 'lab/diverged'
  | 'lab/bad-recording'
  /** A file of an experiment's runs says something else. */
  | 'lab/not-runs'
  /** What a timeline wanted could not be done, or is not so. */
  | 'lab/timeline'
