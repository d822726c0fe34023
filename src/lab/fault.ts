export type LabFaultCode =
  | 'lab/too-many-events'
  | 'lab/stuck'
  | 'lab/not-retrieved'
  | 'lab/not-shown'
