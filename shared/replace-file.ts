import { open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * Whoever reads the file, also after a power cut, finds the old text or the new one; the new one once this has returned.
 * One at a time for each file.
 */
export async function replaceFile(file: string, text: string): Promise<void> {
  const draft = `${file}.new`
  {
    await using handle = await open(draft, 'w', 0o600)
    await handle.writeFile(text)
    await handle.sync()
  }
  await rename(draft, file)
  await using folder = await open(dirname(file), 'r')
  await folder.sync()
}
