import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from '@badrap/valita'
import { t as file } from 'tap'
import type { Test } from 'tap'
import { AdminClient } from '../../../cli/client.ts'
import { until } from '../../engine/lab/until.ts'
import { requireOk, VolumePlugin } from '../process.ts'
import { canHaveFiles, FilesWorld } from './files/world.ts'

file.setTimeout(300_000)

const VOLUMES = 10
const ROUNDS = 400
const ATTEMPTS = 4
const METHODS = ['Capabilities', 'Get', 'List'] as const

if (canHaveFiles(file)) {
  await file.test('while the cluster file system hangs', async t => {
    const [whole, hung] = [await pluginOver(t), await pluginOver(t)]
    hung.world.signal('SIGSTOP')
    let isOver = false
    const mounts = mountAgainAndAgain(t, hung, () => isOver)

    await t.test('other calls are answered as fast as where it does not', async t => {
      await isAsFast(t, async () => await compare([whole, hung]))
    })
    isOver = true
    await mounts

    await t.test('once it goes on, no child is left, and all works again', async t => {
      hung.world.signal('SIGCONT')
      await until('a mount', 30_000, async () => (await mount(hung, 'late')).status === 200)
      await until('no child', 20_000, () => hung.plugin.children().length === 0)
      requireOk(await hung.plugin.unmount('volume-0', 'late'))
      t.pass('without a restart')
    })
  })
}

type Side = { readonly plugin: VolumePlugin; readonly world: FilesWorld }
/** In milliseconds, where the file system is whole and where it hangs. */
type Compared = { readonly what: string; readonly whole: number; readonly hung: number }

async function pluginOver(t: Test): Promise<Side> {
  const world = await FilesWorld.open(t)
  const folder = join(world.folder, 'plugin')
  await mkdir(folder)
  const plugin = await VolumePlugin.start(t, folder, {
    settings: {
      MODE: 'cluster',
      CLUSTER_ROOT: world.root,
      CLUSTER_FSTYPE: 'fuse',
      MOUNT_ROOT: join(world.folder, 'mounts'),
    },
  })
  const admin = new AdminClient(join(folder, 'data', 'berth', 'cluster', 'admin.sock'))
  await until('it is initialised', 20_000, async () => {
    const made = admin.post('/v1/cluster/init', v.unknown())
    return await made.then(
      () => true,
      () => false,
    )
  })
  for (let number = 0; number < VOLUMES; number++) {
    requireOk(await plugin.create(`volume-${number}`))
  }
  return { plugin, world }
}

async function mount({ plugin }: Side, ID: string) {
  return await plugin.call('Mount', { Name: 'volume-0', ID })
}

/** Each is refused in time, and says why. */
async function mountAgainAndAgain(t: Test, side: Side, isOver: () => boolean): Promise<void> {
  for (let round = 0; !isOver(); round++) {
    const started = performance.now()
    const { status, body } = await mount(side, `mount-${round}`)
    const tookMs = performance.now() - started
    t.match({ status, body }, { status: 500, body: { Err: 'did not answer within' } })
    t.ok(tookMs < 10_000, `Mount is refused in time (${Math.round(tookMs)} ms)`)
    await new Promise(resolve => setTimeout(resolve, 300))
  }
}

/** What is ever as fast is: all that a loaded machine can do is to make it slower. */
async function isAsFast(t: Test, measure: () => Promise<readonly Compared[]>): Promise<void> {
  let slower: readonly string[] | undefined
  for (let attempt = 1; attempt <= ATTEMPTS && slower?.length !== 0; attempt++) {
    const compared = await measure()
    for (const { what, whole, hung } of compared) {
      t.comment(`${what}: ${whole.toFixed(2)} and ${hung.toFixed(2)} ms`)
    }
    const now = compared.filter(({ whole, hung }) => hung > 2 * whole).map(({ what }) => what)
    slower = now.filter(what => slower?.includes(what) ?? true)
  }
  t.strictSame(slower, [], 'nothing takes more than twice as long')
}

/** Taking turns, so that whatever else the machine does slows down both. */
async function compare(sides: readonly Side[]): Promise<readonly Compared[]> {
  const tookMs = new Map(METHODS.map(method => [method, sides.map((): number[] => [])]))
  const turns = [...sides.entries()]
  for (let round = 0; round < ROUNDS; round++) {
    for (const [method, samples] of tookMs) {
      for (const [index, { plugin }] of round % 2 === 0 ? turns : turns.toReversed()) {
        const body = method === 'Get' ? { Name: `volume-${round % VOLUMES}` } : {}
        const started = performance.now()
        const answer = await plugin.call(method, body)
        samples[index]?.push(performance.now() - started)
        requireOk(answer)
      }
    }
  }
  return Array.from(tookMs, ([method, samples]) => {
    const [whole = 0, hung = 0] = samples.map(each => percentile99(each))
    return { what: `${method} at p99`, whole, hung }
  })
}

function percentile99(samples: readonly number[]): number {
  return samples.toSorted((a, b) => a - b)[Math.ceil(samples.length * 0.99) - 1] ?? 0
}
