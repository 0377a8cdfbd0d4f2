import { readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { filesContract } from './contract.ts'
import { FilesWorld, canHaveFiles } from './world.ts'

if (!canHaveFiles(t)) process.exit()

await filesContract(t, 'on a file system of the kernel', async (t: Test) => {
  const world = await FilesWorld.open(t)
  const pathOf = (place: readonly string[]) => join(world.root, ...place)
  return {
    files: world.files(),
    fill: (place, file) => writeFile(join(pathOf(place), file), ''),
    entries: place => readdir(pathOf(place)).catch(() => undefined),
    attributes: async place => {
      const { uid, gid, mode } = await stat(pathOf(place))
      return { uid, gid, mode: mode & 0o7777 }
    },
    seen: async at => ((await world.mounted(at)) ? await readdir(at) : undefined),
    at: name => world.at(name),
  }
})
