export type LabFaultCode = 'lab/too-many-events'
