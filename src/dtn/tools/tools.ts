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
import type { ToolName } from './purposes.ts'
import type { Tool } from './tool.ts'

const ALL: Readonly<Record<ToolName, Tool>> = {
  bpsource,
  bpsink,
  bpdriver,
  bpcounter,
  bping,
  bpecho,
  bptrace,
  bpsendfile,
  bprecvfile,
  bplist,
  bpadmin: adminTool('bpadmin'),
  ipnadmin: adminTool('ipnadmin'),
  ionadmin: adminTool('ionadmin'),
  dtpcadmin: adminTool('dtpcadmin'),
  bpmailsend,
  bpmailrecv,
  bpstats,
}

/** ION's tools, by the names that ION gives them. */
export const TOOLS: Readonly<Record<string, Tool>> = ALL
