import { oneVolume, volumes, volumeSelf } from './volume-answers.ts'
import type { Volume, VolumeSelf } from './volume-answers.ts'
import type { AdminClient } from './client.ts'
import { printJson } from './context.ts'
import type { Context } from './context.ts'
import { table } from './table.ts'
import { ago, duration, exactSize, size } from './words.ts'

/** A disk that an operator wipes has no volume. */
const NAMELESS = '(no volume)'

/** What a list of volumes is made of. */
export async function readVolumes(api: AdminClient) {
  const self = await api.get('/v1/self', volumeSelf)
  const answer = await api.get('/v1/volumes', volumes)
  return { self, answer }
}

export function showVolumes(
  context: Context,
  { self, answer }: Awaited<ReturnType<typeof readVolumes>>,
): void {
  noteSelf(context, self)
  const rows = [...answer.volumes.map(rowOf), ...self.missing.map(missingRowOf)]
  if (rows.length === 0) {
    const how = 'docker volume create --driver berth-ssd:latest NAME makes one'
    return context.terminal.print(`There is no volume on a disk: ${how}.\n`)
  }
  context.terminal.print(table(['NAME', 'STATE', 'SIZE', 'DISK', 'MOUNTS', 'KEPT, PROBLEM'], rows))
}

export async function inspectVolume(context: Context, name: string): Promise<void> {
  const answer = await context.api.get(pathOf(name), oneVolume)
  if (context.json) return printJson(context, answer)
  const { volume } = answer
  const { disk, parked, mounts } = volume
  context.terminal.print(
    table(
      ['NAME', volume.name || NAMELESS],
      [
        ['STATE', volume.state],
        ...(volume.problem === undefined ? [] : [['PROBLEM', volume.problem]]),
        ...(parked ? [['REMOVED', `${ago(parked.since, Date.now())}, ${keptOf(parked)}`]] : []),
        ...(volume.wiping ? [['WIPING', wipedOf(volume)]] : []),
        ['SIZE', exactSize(volume.size)],
        ['CREATED', volume.created],
        ['DISK', deviceOf(volume)],
        ['MODEL', disk.model],
        ['SERIAL', disk.serial],
        ['WWID', disk.wwid],
        ['DISK SIZE', exactSize(disk.size)],
        ['MOUNTPOINT', volume.mountpoint],
        ['MOUNTS', pairs(Object.entries(mounts), ' × ')],
        ['OPTIONS', pairs(Object.entries(volume.options), '=')],
        ['LABELS', pairs(Object.entries(volume.labels), '=')],
        ['CLAIM', volume.claim],
        ['XFS UUID', volume.fsUuid],
      ],
    ),
  )
}

/** On stderr, what an operator should know whatever was asked. */
export function noteSelf({ terminal }: Context, { state, reason, claiming, missing }: VolumeSelf) {
  if (state !== 'ready') terminal.note(`The plugin is ${state}: ${reason ?? 'its log says why'}\n`)
  if (!claiming.on) {
    terminal.note(`No disk is taken for new volumes: ${claiming.why ?? 'its log says why'}\n`)
  }
  if (missing.length > 0) {
    terminal.note(
      `The record of ${missing.map(({ name }) => name).join(', ')} is lost: see berth volume adopt --help\n`,
    )
  }
}

export const pathOf = (name: string): string => `/v1/volumes/${encodeURIComponent(name)}`

/** "nvme0n1", or by what to find it where it is not there. */
export function deviceOf({ disk }: Volume): string {
  return disk.device ?? `not there (${disk.serial || disk.wwid})`
}

function rowOf(volume: Volume): string[] {
  const { name, state, mounts } = volume
  const mounted = Object.values(mounts).reduce((sum, each) => sum + each, 0)
  const remark = remarkOf(volume)
  return [name || NAMELESS, state, size(volume.size), deviceOf(volume), String(mounted), remark]
}

function missingRowOf({ name }: VolumeSelf['missing'][number]): (string | undefined)[] {
  return [name, 'missing', undefined, undefined, undefined, 'its record is lost']
}

function remarkOf(volume: Volume): string {
  const remarks = [
    ...(volume.problem === undefined ? [] : [volume.problem]),
    ...(volume.parked ? [keptOf(volume.parked)] : []),
    ...(volume.wiping ? [wipedOf(volume)] : []),
  ]
  return remarks.join('; ')
}

export function keptOf({ leftMs }: { readonly leftMs: number }): string {
  return leftMs > 0 ? `kept ${duration(leftMs)} more` : 'to be wiped now'
}

function wipedOf({ wiping, disk }: Volume): string {
  if (!wiping || wiping.part !== 'body') return 'almost blank'
  return `${Math.floor((100 * wiping.offset) / disk.size)} % blank`
}

export const pairs = (
  entries: readonly (readonly [string, string | number])[],
  between: string,
): string => entries.map(([name, value]) => `${name}${between}${value}`).join(', ')
