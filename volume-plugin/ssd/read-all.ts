import type { FileHandle } from 'node:fs/promises'

/** @throws {Error} where the file ends before: a disk that is shorter than it says is broken */
export async function readAll(
  handle: FileHandle,
  offset: number,
  length: number,
  into: Buffer = Buffer.alloc(length),
): Promise<Buffer> {
  let done = 0
  while (done < length) {
    const { bytesRead } = await handle.read(into, done, length - done, offset + done)
    if (bytesRead === 0) throw new Error(`it ends at byte ${offset + done}`)
    done += bytesRead
  }
  return into.subarray(0, length)
}

/** @throws {Error} where it takes no more */
export async function writeAll(handle: FileHandle, offset: number, data: Buffer): Promise<void> {
  let done = 0
  while (done < data.length) {
    const { bytesWritten } = await handle.write(data, done, data.length - done, offset + done)
    if (bytesWritten === 0) throw new Error(`it takes nothing at byte ${offset + done}`)
    done += bytesWritten
  }
}
