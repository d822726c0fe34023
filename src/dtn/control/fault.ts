export type ControlFaultCode =
  | 'control/bad-message'
  | 'control/too-many-clients'
  | 'control/unknown-endpoint'
  | 'control/occupied'
  | 'control/not-open'
  | 'control/no-application'
  | 'control/unavailable'
  | 'control/ended'
