import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from '@badrap/valita'
import { t as file } from 'tap'
import type { Test } from 'tap'
import { LevelDatabase } from '../../shared/level-database.ts'
import { LoopDisk, MIB } from '../disks/loop-disk.ts'
import { canUseDisks } from '../disks/requirements.ts'
import { until } from '../engine/lab/until.ts'
import { isDropped, pluginFolder, requireOk, VolumePlugin } from './process.ts'

file.setTimeout(300_000)
// What is dropped is dropped after two seconds: those waits may overlap.
file.jobs = 3

type World = { readonly disk: LoopDisk; readonly folder: string; readonly state: string }

type Damage = {
  readonly is: string
  readonly says: RegExp
  /** @returns what mends it */
  readonly damage: (world: World) => Promise<() => Promise<void>>
}

const DAMAGES: readonly Damage[] = [
  {
    is: 'whose database is corrupt',
    says: /Cannot open the state in .*berth\/ssd\/db/,
    damage: async ({ state }) => await overwrite(join(state, 'db', 'CURRENT')),
  },
  {
    is: 'with a record that cannot be read',
    says: /record claims\/[0-9a-f]{32} cannot be read/,
    damage: async ({ state }) => await spoilRecord(state),
  },
  {
    is: 'with a record of a later version',
    says: /record claims\/[0-9a-f]{32} cannot be read .*older/,
    damage: async ({ state }) => await spoilRecord(state, text => text.replace('{', '{"later":1,')),
  },
  {
    is: 'that is a file',
    says: /berth\/ssd\/db.*a file stands where a folder should be/,
    damage: async ({ state }) => {
      const [db, good] = [join(state, 'db'), join(state, 'db.good')]
      await rename(db, good)
      await writeFile(db, 'not a folder')
      return async () => {
        await rm(db)
        await rename(good, db)
      }
    },
  },
  {
    is: 'whose list of volumes cannot be read',
    says: /list of volumes in .*volumes\.json cannot be read/,
    damage: async ({ state }) => await overwrite(join(state, 'volumes.json')),
  },
]

if (canUseDisks()) {
  for (const { is, says, damage } of DAMAGES) {
    void file.test(`with a state ${is} nothing is answered until it is mended`, async t => {
      const world = await withVolume(t)
      const mend = await damage(world)
      const plugin = await VolumePlugin.start(t, world.folder, { disks: [world.disk] })
      await dropsAll(t, plugin)
      t.match((await plugin.call('Capabilities')).body, { Capabilities: { Scope: 'local' } })
      for (const path of ['/v1/self', '/v1/volumes', '/v1/disks']) {
        await t.rejects(plugin.admin.get(path, v.unknown()), { message: says }, path)
      }
      await mend()
      await until('an answer', 30_000, async () => !(await isDropped(plugin.get('kept'))))
      await plugin.volume('kept')
      t.equal(await readKept(plugin), 'precious')
    })
  }

  for (const lost of ['db', '']) {
    const what = lost === '' ? 'all of its state' : 'its database'
    void file.test(`a plugin that lost ${what} knows that a volume is missing`, async t => {
      const { disk, folder, state } = await withVolume(t)
      await rm(join(state, lost), { recursive: true })
      const plugin = await VolumePlugin.start(t, folder, { disks: [disk] })
      t.ok(await isDropped(plugin.get('kept')), 'Get of what it cannot know')
      t.ok(await isDropped(plugin.call('List')), 'a list without it would be believed')
      t.match(await plugin.get('other'), { status: 500, body: { Err: /no such volume/ } })
      const refusal = { status: 500, body: { Err: /its record was lost.*berth volume adopt/ } }
      t.match(await plugin.create('kept'), refusal)
      t.match(await plugin.call('Mount', { Name: 'kept', ID: '1' }), refusal)
      t.match(await plugin.remove('kept'), refusal)
      t.match(await plugin.admin.get('/v1/self', v.unknown()), {
        state: 'degraded',
        reason: /records of volumes were lost/,
        missing: [{ name: 'kept' }],
      })
      t.match(await plugin.disk(disk.node), { state: 'orphan', volume: { name: 'kept' } })

      await plugin.admin.post('/v1/adopt', v.unknown(), { disk: disk.name })
      t.strictSame(await plugin.names(), ['kept'])
      t.equal(await readKept(plugin), 'precious')
    })
  }

  void file.test('a volume that is gone with its disk is forgotten by an operator', async t => {
    const { disk, folder, state } = await withVolume(t)
    await rm(join(state, 'db'), { recursive: true })
    await disk.detach()
    const plugin = await VolumePlugin.start(t, folder)
    t.ok(await isDropped(plugin.get('kept')))
    await plugin.admin.post('/v1/volumes/kept/forget', v.unknown())
    t.match(await plugin.get('kept'), { status: 500, body: { Err: /no such volume/ } })
    t.strictSame(await plugin.names(), [])
  })
}

/** A plugin that had a volume with a file on it, and ended. */
async function withVolume(t: Test): Promise<World> {
  const disk = await LoopDisk.create(t, { size: 320 * MIB })
  const folder = await pluginFolder(t)
  const plugin = await VolumePlugin.start(t, folder, { disks: [disk] })
  requireOk(await plugin.create('kept'))
  await writeFile(join(await plugin.mount('kept', 'writer'), 'file'), 'precious')
  requireOk(await plugin.unmount('kept', 'writer'))
  await plugin.end('SIGTERM')
  return { disk, folder, state: join(folder, 'data', 'berth', 'ssd') }
}

async function readKept(plugin: VolumePlugin): Promise<string> {
  const root = await plugin.mount('kept', 'reader')
  const text = await readFile(join(root, 'file'), 'utf8')
  requireOk(await plugin.unmount('kept', 'reader'))
  return text
}

/** None of these may be answered with an error: the engine would forget the volume, or think that it was never made. */
async function dropsAll(t: Test, plugin: VolumePlugin): Promise<void> {
  const calls = {
    Get: { Name: 'kept' },
    Path: { Name: 'kept' },
    List: {},
    Create: { Name: 'kept', Opts: null },
    Mount: { Name: 'kept', ID: '1' },
    Unmount: { Name: 'kept', ID: '1' },
    Remove: { Name: 'kept' },
  }
  const dropped = await Promise.all(
    Object.entries(calls).map(async ([method, body]) => await isDropped(plugin.call(method, body))),
  )
  t.strictSame(
    Object.keys(calls).filter((_, index) => !dropped[index]),
    [],
    'nothing is answered',
  )
}

async function overwrite(path: string): Promise<() => Promise<void>> {
  const good = await readFile(path)
  await writeFile(path, 'garbage')
  return async () => await writeFile(path, good)
}

async function spoilRecord(
  state: string,
  spoil: (text: string) => string = text => text.slice(0, 20),
): Promise<() => Promise<void>> {
  const [key, good] = await withDatabase(state, async database => {
    const [row] = await database.list('claims/', 'claims/~', 1)
    if (!row) throw new Error('There is no record')
    await database.write([{ type: 'put', key: row[0], value: spoil(row[1]) }], { sync: true })
    return row
  })
  return async () =>
    await withDatabase(state, async database => {
      await database.write([{ type: 'put', key, value: good }], { sync: true })
    })
}

/** Also while the plugin tries to open it again and again. */
async function withDatabase<T>(
  state: string,
  use: (database: LevelDatabase) => Promise<T>,
): Promise<T> {
  const open = async () => await LevelDatabase.open(join(state, 'db')).catch(() => undefined)
  const database = await until('the database', 30_000, open)
  try {
    return await use(database)
  } finally {
    await database.close()
  }
}
