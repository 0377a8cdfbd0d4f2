import { setTimeout as sleep } from 'node:timers/promises'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import * as v from '@badrap/valita'
import { mountRootOf } from './plugin.ts'
import type { Plugin } from './plugin.ts'
import { mounts, readFileFrom } from './world.ts'
import type { World } from './world.ts'

/** What must be found of one volume, after all that was answered. */
export type Fate = {
  /** Either: nobody was answered. Lost: it is on its disk, and the plugin knows that it does not know it. */
  readonly is: 'there' | 'gone' | 'either' | 'lost'
  /** What may be in its file, where it is there; empty: there may be none. */
  readonly texts: readonly string[]
}

export type Expected = {
  readonly volumes: Readonly<Record<string, Fate>>
  /** By somebody who was answered, and has not unmounted it. */
  readonly mounted?: readonly string[]
  /** By nobody. */
  readonly unmounted?: readonly string[]
  /** Whether the last disk may still have what an operator gave up. */
  readonly isUsed?: true
}

const SETTLED_WITHIN_MS = 20_000
const UNDER_WAY: readonly string[] = ['creating', 'wiping']

const volumes = v.object({
  volumes: v.array(
    v.object({
      name: v.string(),
      claim: v.string(),
      state: v.string(),
      problem: v.string().optional(),
      disk: v.object({ key: v.string(), serial: v.string() }),
    }),
  ),
})
const disks = v.object({
  disks: v.array(
    v.object({
      node: v.string(),
      state: v.string(),
      volume: v.object({ name: v.string() }).optional(),
      reasons: v.array(v.object({ text: v.string() })),
    }),
  ),
})
const mounted = v.object({ Mountpoint: v.string() })
type Claimed = v.Infer<typeof volumes>['volumes'][number]
type Shown = v.Infer<typeof disks>['disks'][number]

/** What is wrong with what a running plugin has, once it has tended to it; empty where all is well. */
export async function judge(
  world: World,
  plugin: Plugin,
  expected: Expected,
): Promise<readonly string[]> {
  const claims = await settled(plugin)
  return [
    ...faultsOfClaims(claims),
    ...(await faultsOfDisks(world, plugin, expected)),
    ...(await faultsOfVolumes(plugin, expected)),
    ...faultsOfMounts(world, claims, expected),
  ]
}

/** Whether every disk that is said to be free can be had, and no other. */
export async function takeAllFree(plugin: Plugin): Promise<readonly string[]> {
  for (let left = await freeDisks(plugin); left > 0; left--) {
    const { status, body } = await plugin.call('Create', { Name: `more-${left}` })
    if (status !== 200) return [`a free disk cannot be had: ${JSON.stringify(body)}`]
  }
  const { status } = await plugin.call('Create', { Name: 'too-many' })
  return status === 200 ? ['a disk was had that was not free'] : []
}

async function freeDisks(plugin: Plugin): Promise<number> {
  return (await readDisks(plugin)).filter(({ state }) => state === 'free').length
}

/**
 * Ends the plugin, and unmounts all.
 *
 * @returns what is wrong with the file systems of volumes, and with somebody else's disk
 */
export async function endAndCheck(world: World, plugin: Plugin): Promise<readonly string[]> {
  const claims = await readClaims(plugin)
  await plugin.kill()
  const files = claims
    .filter(({ state }) => state === 'ready' || state === 'parked')
    .map(({ disk }) => disk.serial.replace('loop:', ''))
  const damage = await world.unmountAndCheck(files)
  return (await world.isForeignUntouched()) ? damage : [...damage, "somebody's disk was written"]
}

export async function countClaims(plugin: Plugin): Promise<number> {
  return (await readClaims(plugin)).length
}

async function readClaims(plugin: Plugin): Promise<readonly Claimed[]> {
  const { body } = await plugin.operate('GET', '/v1/volumes')
  return volumes.parse(body, { mode: 'strip' }).volumes
}

async function settled(plugin: Plugin): Promise<readonly Claimed[]> {
  for (const started = performance.now(); ;) {
    const claims = await readClaims(plugin)
    const isSettled = !claims.some(({ state }) => UNDER_WAY.includes(state))
    if (isSettled || performance.now() - started > SETTLED_WITHIN_MS) return claims
    await sleep(50)
  }
}

/** A kill, or a power cut, is no fault of a disk: none is set aside for it. */
function faultsOfClaims(claims: readonly Claimed[]): readonly string[] {
  const stuck = claims
    .filter(({ state }) => UNDER_WAY.includes(state))
    .map(({ name, state, problem }) => `${name} is ${state} for ever: ${problem}`)
  const aside = claims
    .filter(({ state }) => state === 'quarantined')
    .map(({ name, problem }) => `${name} is in quarantine: ${problem}`)
  const keys = claims.map(({ disk }) => disk.key)
  const twice = keys.length === new Set(keys).size ? [] : ['a disk is claimed twice']
  return [...stuck, ...aside, ...twice]
}

async function readDisks(plugin: Plugin) {
  const { body } = await plugin.operate('GET', '/v1/disks')
  return disks.parse(body, { mode: 'strip' }).disks
}

async function faultsOfDisks(
  world: World,
  plugin: Plugin,
  { volumes, isUsed }: Expected,
): Promise<readonly string[]> {
  const shown = await readDisks(plugin)
  const ours = world.disks.flatMap(disk => shown.filter(({ node }) => node === disk.node))
  const isSomebodys = ({ node, state, volume }: Shown) =>
    ['free', 'claimed'].includes(state) ||
    (state === 'orphan' && volumes[volume?.name ?? '']?.is === 'lost') ||
    (isUsed && state === 'used' && node === world.disks.at(-1)?.node)
  const nobodys = ours.filter(disk => !isSomebodys(disk))
  const foreign = shown.find(({ node }) => node === world.foreign.node)
  return [
    ...(ours.length === world.disks.length ? [] : ['a disk is not shown']),
    ...nobodys.map(
      ({ node, state, reasons }) =>
        `${node} is nobody's: ${state}, ${reasons.map(({ text }) => text).join('; ')}`,
    ),
    ...(foreign?.state === 'used' ? [] : [`somebody's disk is ${foreign?.state}`]),
  ]
}

async function faultsOfVolumes(plugin: Plugin, { volumes }: Expected): Promise<readonly string[]> {
  const faults: string[] = []
  for (const [name, { is, texts }] of Object.entries(volumes)) {
    const found = await isThere(plugin, name)
    if (found) faults.push(...(await faultsOfData(plugin, name, texts)))
    if (is === 'there' && !found) faults.push(`${name} was answered, and is not there`)
    if (is === 'gone' && found) faults.push(`${name} was removed, and is there`)
    if (is === 'lost' && found === false) faults.push(`${name} is denied`)
  }
  return faults
}

/** Undefined where nothing is told. */
export async function isThere(plugin: Plugin, Name: string): Promise<boolean | undefined> {
  const answer = await plugin.call('Get', { Name }).catch(() => undefined)
  return answer && answer.status === 200
}

async function faultsOfData(
  plugin: Plugin,
  Name: string,
  texts: readonly string[],
): Promise<readonly string[]> {
  const { status, body } = await plugin.call('Mount', { Name, ID: 'judge' })
  if (status !== 200) return [`${Name} cannot be mounted: ${JSON.stringify(body)}`]
  const found = await readFileFrom(mounted.parse(body).Mountpoint)
  await plugin.call('Unmount', { Name, ID: 'judge' })
  return texts.includes(found) ? [] : [`${Name} has lost its data: ${found}`]
}

function faultsOfMounts(
  { folder }: World,
  claims: readonly Claimed[],
  { mounted: wanted = [], unmounted = [] }: Expected,
): readonly string[] {
  const root = mountRootOf(folder)
  const points = mounts().map(({ at }) => at)
  const isMounted = (name: string) =>
    claims.some(claim => claim.name === name && points.includes(join(root, claim.claim)))
  const below = readdirSync(root, { withFileTypes: true })
    .filter(each => each.isDirectory() && !points.includes(join(root, each.name)))
    .filter(({ name }) => readdirSync(join(root, name)).length > 0)
  return [
    ...wanted.filter(name => !isMounted(name)).map(name => `${name} is not mounted any more`),
    ...unmounted.filter(isMounted).map(name => `${name} is still mounted`),
    ...below.map(({ name }) => `something was written below the mount point ${name}`),
  ]
}
