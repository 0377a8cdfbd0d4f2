/** `node scripts/manifest.ts <shared> <own> <merged>`: writes a plugin's manifest from its two parts. */
import { readFile, writeFile } from 'node:fs/promises'
import { isManifest, mergeManifests, type Manifest } from './merge-manifests.ts'

const [shared, own, merged] = process.argv.slice(2)
if (shared === undefined || own === undefined || merged === undefined) {
  throw new Error('Wanted three paths: the shared manifest, the own one, and where to write')
}
const manifest = mergeManifests(await readManifest(shared), await readManifest(own))
await writeFile(merged, `${JSON.stringify(manifest, null, 2)}\n`)

async function readManifest(path: string): Promise<Manifest> {
  const value: unknown = JSON.parse(await readFile(path, 'utf8'))
  if (!isManifest(value)) throw new Error(`${path} must hold an object`)
  return value
}
