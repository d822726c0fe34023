import { Fault } from '../../base/fault.ts'
import { absolutePath } from '../../base/path.ts'
import { BODY_BYTES_MAX } from '../control/limits.ts'
import type { ToolPorts } from './tool.ts'

/** Rejects with a Fault, also where the file is empty or larger than a bundle may be. */
export async function readWhole(file: string, { disk, directory }: ToolPorts): Promise<Uint8Array> {
  const reader = await disk.open(absolutePath(file, directory))
  try {
    const { sizeBytes } = reader
    if (sizeBytes === 0) throw new Fault('disk/failed', `${file} is empty`, { temporary: false })
    if (sizeBytes > BODY_BYTES_MAX) {
      const message = `${file} has ${sizeBytes} bytes; a bundle takes ${BODY_BYTES_MAX}`
      throw new Fault('disk/failed', message, { temporary: false })
    }
    return await reader.read(0, sizeBytes)
  } finally {
    await reader.close()
  }
}
