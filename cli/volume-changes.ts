import { forgotten, oneVolume } from './volume-answers.ts'
import type { Volume } from './volume-answers.ts'
import { printJson } from './context.ts'
import type { Context } from './context.ts'
import { deviceOf, pathOf } from './volume-views.ts'
import { duration, size } from './words.ts'

/** The file system may have its journal to replay. */
const MOUNT_MS = 5 * 60_000

export type Asking = { readonly yes?: true }

export async function restoreVolume(context: Context, name: string): Promise<void> {
  const answer = await context.api.post(`${pathOf(name)}/restore`, oneVolume)
  if (context.json) return printJson(context, answer)
  context.terminal.print(`${name} is back, with its data: docker volume ls shows it again.\n`)
}

export async function wipeVolume(context: Context, name: string, { yes }: Asking): Promise<void> {
  const { api, terminal, json } = context
  const { volume } = await api.get(pathOf(name), oneVolume)
  if (!yes) await terminal.confirm(wipeWarning(volume), "the volume's name", volume.name || name)
  // By its claim: another volume may have its name by now.
  const answer = await api.post(`${pathOf(volume.claim)}/wipe`, oneVolume)
  if (json) return printJson(context, answer)
  const on = deviceOf(answer.volume)
  terminal.print(
    `${name} is being wiped, on ${on}. berth volume ls shows how far it is; once it is gone from there, berth disks shows the disk as free.\n`,
  )
}

export async function adoptVolume(context: Context, disk: string): Promise<void> {
  const answer = await context.api.post('/v1/adopt', oneVolume, { disk }, MOUNT_MS)
  if (context.json) return printJson(context, answer)
  const { volume } = answer
  context.terminal.print(
    `${volume.name}, on ${deviceOf(volume)}, is a volume of this host now: docker volume ls shows it.\n`,
  )
}

export async function forgetVolume(context: Context, name: string, { yes }: Asking): Promise<void> {
  const { api, terminal, json } = context
  if (!yes) await terminal.confirm(forgetWarning(name), "the volume's name", name)
  const answer = await api.post(`${pathOf(name)}/forget`, forgotten)
  if (json) return printJson(context, answer)
  terminal.print(`${answer.name} is forgotten: its name may be given to another volume.\n`)
}

function wipeWarning(volume: Volume): string {
  const { name, state, parked, disk } = volume
  const left = parked ? `, its data kept ${duration(parked.leftMs)} more` : ''
  const what = [disk.model, size(disk.size), disk.serial || disk.wwid].filter(Boolean).join(', ')
  return `${name} (${state}${left}) is on ${deviceOf(volume)}: ${what}
Its data is to be destroyed: nothing brings it back.`
}

function forgetWarning(name: string): string {
  return `${name} is to be forgotten: the engine is told that there is no such volume.
Forget it only if its disk will never return.`
}
