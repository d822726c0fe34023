/** ION's tools, by the names that ION gives them, and what each is for. */
export const TOOL_PURPOSES = {
  bpsource: 'send text, each line of it in a bundle',
  bpsink: 'print what comes to an endpoint',
  bpdriver: 'send many bundles and measure the rate',
  bpcounter: 'count what comes to an endpoint and measure the rate',
  bping: 'send probes and measure how long their echoes take',
  bpecho: 'send back what comes to an endpoint',
  bptrace: 'send a bundle and print what is reported of it',
  bpsendfile: 'send a file in a bundle',
  bprecvfile: 'write what comes to an endpoint into files',
  bplist: 'list the bundles that the node holds',
  bpadmin: 'change endpoints, ducts and plans of a running node',
  ipnadmin: 'change plans for neighbours of a running node',
  ionadmin: 'change contacts and ranges of a running node',
  dtpcadmin: 'change profiles of DTPC of a running node',
  bpmailsend: 'send a mail from standard input by DTPC',
  bpmailrecv: 'print the next mail that comes by DTPC',
  bpstats: 'print what the node has done so far',
} as const

export type ToolName = keyof typeof TOOL_PURPOSES
