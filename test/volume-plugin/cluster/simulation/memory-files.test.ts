import t from 'tap'
import { filesContract } from '../files/contract.ts'
import { FolderTree } from './folder-tree.ts'
import { MemoryBinds, MemoryFiles } from './memory-files.ts'

await filesContract(t, 'in memory', async () => {
  const [tree, binds] = [new FolderTree(), new MemoryBinds()]
  const way = { state: 'there', legMs: () => 0, isSlow: () => false } as const
  return {
    files: new MemoryFiles(tree, binds, way, (_, job) => setImmediate(job)),
    fill: async (place, file) => void tree.reach(place).files.add(file),
    entries: async place => namesIn(tree.find(place)),
    attributes: async place => tree.reach(place).attributes,
    seen: async at => namesIn(binds.at.get(at)),
    at: name => `/mounts/${name}`,
  }
})

function namesIn(folder: ReturnType<FolderTree['find']>): readonly string[] | undefined {
  return folder && [...folder.files, ...folder.folders.keys()]
}
