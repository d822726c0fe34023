import { Receiver } from './reception.ts'
import { endpointOf, leadingInteger, printLine, type Tool, type ToolPorts } from './tool.ts'

/** Writes what comes to an endpoint into files: testfile1, testfile2, and so on. */
export const bprecvfile: Tool = {
  usage: 'Usage: bprecvfile <own endpoint ID> [<max # files>]\n',
  usageOn: 'output',
  parse: ([own, count]) => {
    const endpoint = endpointOf(own)
    if (endpoint === undefined) return undefined
    const wanted = leadingInteger(count ?? '')
    return {
      own: endpoint,
      run: async (ports) => {
        const receiver = await Receiver.open(endpoint, ports)
        for (let number = 1; wanted < 1 || number <= wanted; number++) {
          const reception = await receiver.next()
          if (reception.type === 'interrupted') printLine(ports, 'BP reception interrupted.')
          if (reception.type !== 'payload') break
          await write(`testfile${number}`, reception.received.adu.payload, ports)
          reception.received.take()
        }
        printLine(ports, 'Stopping bprecvfile.')
        return 0
      },
    }
  },
}

/** Complete and durable under its name before the bundle may go; one that is there is replaced. */
async function write(
  name: string,
  content: Uint8Array,
  { disk, directory, processId }: ToolPorts,
): Promise<void> {
  const draft = `${directory}/.${name}.${processId}`
  const writer = await disk.create(draft)
  await writer.append(content)
  await writer.sync()
  await writer.close()
  await disk.rename(draft, `${directory}/${name}`)
  await disk.syncDirectory(directory)
}
