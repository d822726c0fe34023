import { adminTool } from './admin.ts'
import { bpcounter } from './bpcounter.ts'
import { bpdriver } from './bpdriver.ts'
import { bpecho } from './bpecho.ts'
import { bping } from './bping.ts'
import { bplist } from './bplist.ts'
import { bpmailrecv } from './bpmailrecv.ts'
import { bpmailsend } from './bpmailsend.ts'
import { bprecvfile } from './bprecvfile.ts'
import { bpsendfile } from './bpsendfile.ts'
import { bpsink } from './bpsink.ts'
import { bpsource } from './bpsource.ts'
import { bpstats } from './bpstats.ts'
import { bptrace } from './bptrace.ts'
import type { Tool } from './tool.ts'

/** ION's tools, by the names that ION gives them. */
export const TOOLS: Readonly<Record<string, { readonly tool: Tool; readonly purpose: string }>> = {
  bpsource: { tool: bpsource, purpose: 'send text, each line of it in a bundle' },
  bpsink: { tool: bpsink, purpose: 'print what comes to an endpoint' },
  bpdriver: { tool: bpdriver, purpose: 'send many bundles and measure the rate' },
  bpcounter: { tool: bpcounter, purpose: 'count what comes to an endpoint and measure the rate' },
  bping: { tool: bping, purpose: 'send probes and measure how long their echoes take' },
  bpecho: { tool: bpecho, purpose: 'send back what comes to an endpoint' },
  bptrace: { tool: bptrace, purpose: 'send a bundle and print what is reported of it' },
  bpsendfile: { tool: bpsendfile, purpose: 'send a file in a bundle' },
  bprecvfile: { tool: bprecvfile, purpose: 'write what comes to an endpoint into files' },
  bplist: { tool: bplist, purpose: 'list the bundles that the node holds' },
  bpadmin: { tool: adminTool('bpadmin'), purpose: 'change endpoints, ducts and plans' },
  ipnadmin: { tool: adminTool('ipnadmin'), purpose: 'change plans for neighbours' },
  ionadmin: { tool: adminTool('ionadmin'), purpose: 'change contacts and ranges' },
  dtpcadmin: { tool: adminTool('dtpcadmin'), purpose: 'change profiles of DTPC' },
  bpmailsend: { tool: bpmailsend, purpose: 'send a mail from standard input by DTPC' },
  bpmailrecv: { tool: bpmailrecv, purpose: 'print the next mail that comes by DTPC' },
  bpstats: { tool: bpstats, purpose: 'print what the node has done so far' },
}
