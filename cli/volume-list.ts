import { readClusterVolumes, showClusterVolumes } from './cluster-volume-views.ts'
import { printJson } from './context.ts'
import type { Context } from './context.ts'
import { Failure } from './failure.ts'
import { askAll } from './volume-plugins.ts'
import type { Choice, VolumeContext, VolumePlugin } from './volume-plugins.ts'
import { readVolumes, showVolumes } from './volume-views.ts'

/** What one plugin has: for people, and as a part of the document for programs. */
type Part = { readonly json: object; readonly show: () => void }

/** @throws {Failure} after the other's list, where a plugin that is there gives none */
export async function listVolumes(context: VolumeContext, choice: Choice): Promise<void> {
  const { terminal, json } = context
  const asked = await askAll(context, choice, async plugin => await partOf(context, plugin))
  const parts: Part[] = []
  const failures: string[] = []
  for (const { answer } of asked) {
    if (answer instanceof Failure) failures.push(answer.message)
    else parts.push(answer)
  }
  if (json && parts.length > 0) {
    const document: object = Object.assign({}, ...parts.map(part => part.json))
    printJson(context, document)
  } else {
    for (const [at, { show }] of parts.entries()) {
      if (at > 0) terminal.print('\n')
      show()
    }
  }
  if (failures.length > 0) throw new Failure(failures.join('; '))
}

async function partOf(shown: VolumeContext, { driver, api }: VolumePlugin): Promise<Part> {
  const context: Context = { ...shown, api }
  if (driver === 'cluster') {
    const read = await readClusterVolumes(api)
    return { json: { cluster: read.answer }, show: () => showClusterVolumes(context, read) }
  }
  const read = await readVolumes(api)
  const json = { ...read.answer, missing: read.self.missing }
  return { json, show: () => showVolumes(context, read) }
}
