export type ConfigFaultCode =
  | 'config/unreadable'
  | 'config/not-yaml'
  | 'config/duplicate-key'
  | 'config/unknown-key'
  | 'config/missing-key'
  | 'config/bad-value'
  | 'config/contradiction'
