import { constants } from 'node:fs'
import { mkdir, open, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as v from '@badrap/valita'
import { t as file } from 'tap'
import type { Test } from 'tap'
import { LoopDisk, MIB } from '../disks/loop-disk.ts'
import { canUseDisks } from '../disks/requirements.ts'
import { killAndWait } from '../engine/lab/processes.ts'
import { run } from '../engine/lab/run.ts'
import { until } from '../engine/lab/until.ts'
import { keepNamespace } from './process-kept.ts'
import { pluginFolder, requireOk, VolumePlugin } from './process.ts'
import type { VolumePluginOptions } from './process.ts'

file.setTimeout(300_000)
file.jobs = 3

const SIZE = 320 * MIB
const UNKNOWN = { status: 500, body: { Err: /no such volume/ } }

if (canUseDisks()) {
  void file.test('a volume is created once, however often it is asked for', async t => {
    const { plugin } = await world(t, 2)
    requireOk(await plugin.create('data', { size: '300MiB', mode: '750' }))
    requireOk(await plugin.create('data', { mode: '0750', size: String(300 * MIB) }))
    t.match(await plugin.create('data', { size: '300MiB' }), {
      status: 500,
      body: { Err: /volume data exists with other options/ },
    })
    t.equal((await plugin.claims()).length, 1)
    t.match(await plugin.volume('data'), {
      Name: 'data',
      Mountpoint: undefined,
      CreatedAt: /^\d{4}-\d\d-\d\dT/,
      Status: { state: 'ready', mounts: {}, bytes: SIZE },
    })
  })

  void file.test('of all who want a disk at once, as many get one as there are', async t => {
    const { plugin, disks } = await world(t, 4)
    const names = Array.from({ length: 8 }, (_, index) => `data-${index}`)
    const answers = await Promise.all(names.map(async name => await plugin.create(name)))
    const made = names.filter((_, index) => answers[index]?.status === 200)
    t.equal(made.length, 4)
    for (const { status, body } of answers.filter(answer => answer.status !== 200)) {
      t.match({ status, body }, { status: 500, body: { Err: /needs a free disk/ } })
    }
    t.same((await plugin.names()).toSorted(), made)
    const views = await Promise.all(made.map(async name => await plugin.volume(name)))
    const taken = views.map(({ Status }) => Status.disk.device ?? '')
    t.same(taken.toSorted(), disks.map(({ name }) => name).toSorted())
  })

  void file.test('of two plugins that want the same disks at once, each has its own', async t => {
    const { disks, plugin } = await world(t, 3)
    const other = await VolumePlugin.start(t, await pluginFolder(t), { disks })
    const create = async (name: string) =>
      await Promise.all([plugin.create(`mine-${name}`), other.create(`theirs-${name}`)])
    const names = async () => [...(await plugin.names()), ...(await other.names())]
    await until('three volumes', 60_000, async () => {
      await Promise.all(['a', 'b', 'c'].map(create))
      return (await names()).length === disks.length
    })
    const roots = (await names()).map(async name => {
      return await (name.startsWith('mine') ? plugin : other).mount(name, '1')
    })
    const devices = await Promise.all(roots.map(async root => (await stat(await root)).dev))
    t.equal(new Set(devices).size, disks.length)
  })

  void file.test(
    'a disk that others open for a moment while it is made is not set aside',
    async t => {
      const { plugin, disks } = await world(t, 1)
      const made = new AbortController()
      const others = openNowAndThen(disks[0]?.node ?? '', made.signal)
      await until('a volume', 60_000, async () => {
        const { status } = await plugin.create('data')
        const isSetAside = (await plugin.claims()).some(({ state }) => state === 'quarantined')
        return status === 200 || isSetAside
      })
      made.abort()
      await others
      t.match(await plugin.claims(), [{ name: 'data', state: 'ready' }])
    },
  )

  void file.test('a volume is made also for a caller who did not wait', async t => {
    const { plugin } = await world(t, 1)
    const order = { Name: 'data', Opts: null }
    await t.rejects(plugin.call('Create', order, AbortSignal.timeout(30)))
    requireOk(await plugin.create('data'))
    t.match(await plugin.claims(), [{ name: 'data', state: 'ready' }])
  })

  void file.test('a volume is not mounted for a caller who did not wait', async t => {
    const { plugin, folder } = await world(t, 1)
    requireOk(await plugin.create('data'))
    const { claim = '' } = (await plugin.claims())[0] ?? {}
    const root = join(folder, 'mounts', claim, 'data')
    for (const waitedMs of [0, 5, 10, 20, 40]) {
      const order = { Name: 'data', ID: '1' }
      const answer = plugin.call('Mount', order, AbortSignal.timeout(waitedMs))
      if ((await answer.catch(() => undefined))?.status === 200) break
      await until('the end of it', 30_000, async () => !(await isMounted(root)))
      t.strictSame((await plugin.volume('data')).Status.mounts, {}, `after ${waitedMs} ms`)
    }
  })

  void file.test('one volume that is asked for several times at once takes one disk', async t => {
    const { plugin } = await world(t, 2)
    const answers = await Promise.all([1, 2, 3, 4].map(async () => await plugin.create('data')))
    t.same(
      answers.map(({ status }) => status),
      [200, 200, 200, 200],
    )
    t.equal((await plugin.claims()).length, 1)
  })

  void file.test('a volume that is removed is kept, and brought back', async t => {
    const { plugin } = await world(t, 2)
    await createWithFile(plugin)
    requireOk(await plugin.remove('data'))
    requireOk(await plugin.remove('data'))
    t.match(await plugin.get('data'), UNKNOWN)
    t.strictSame(await plugin.names(), [])
    t.match(await plugin.create('data'), {
      status: 500,
      body: { Err: /data is still kept: berth volume restore data/ },
    })
    t.match(await plugin.call('Mount', { Name: 'data', ID: '1' }), { status: 500 })
    t.match(await plugin.claims(), [{ name: 'data', state: 'parked' }])
    await plugin.admin.post('/v1/volumes/data/restore', v.unknown())
    t.strictSame(await plugin.names(), ['data'])
    t.equal(await readFile(join(await plugin.mount('data', '1'), 'file'), 'utf8'), 'precious')
  })

  for (const [how, settings, options] of [
    ['RETAIN=0', { RETAIN: '0' }, {}],
    ['-o retain=0', {}, { retain: '0' }],
  ] as const) {
    void file.test(`with ${how} a removed volume is wiped, and its disk free again`, async t => {
      const { plugin, disks } = await world(t, 1, { settings })
      const [disk] = disks
      const blank = await disk?.checksum()
      await createWithFile(plugin, options)
      requireOk(await plugin.remove('data'))
      await until('a wiped disk', 60_000, async () => (await plugin.claims()).length === 0)
      t.equal(await disk?.checksum(), blank, 'nothing is left of it')
      t.match(await plugin.disk(disk?.node ?? ''), { state: 'free', reasons: [] })
      requireOk(await plugin.create('other'))
    })
  }

  void file.test('a volume that is mounted is not removed', async t => {
    const { plugin } = await world(t, 1)
    requireOk(await plugin.create('data'))
    await plugin.mount('data', '1')
    const refusal = { status: 500, body: { Err: /volume data is in use/ } }
    t.match(await plugin.remove('data'), refusal)
    t.match(await plugin.volume('data'), { Status: { mounts: { 1: 1 } } })
    requireOk(await plugin.unmount('data', '1'))
    requireOk(await plugin.remove('data'))
    t.match(await plugin.get('data'), UNKNOWN)
  })

  void file.test(
    'a volume that a container still has is not removed, whatever is counted',
    async t => {
      const { plugin, folder } = await world(t, 1)
      requireOk(await plugin.create('data'))
      const root = await plugin.mount('data', '1')
      const container = await keepNamespace(t)
      const inContainer = join(folder, 'in-container')
      await mkdir(inContainer)
      const into = ['--target', String(container.pid), '--mount']
      await run('nsenter', [...into, 'mount', '--bind', '--', root, inContainer])
      requireOk(await plugin.unmount('data', '1'))
      t.match(await plugin.remove('data'), {
        status: 500,
        body: { Err: /volume data is in use: .* mounted, also where this process cannot see it/ },
      })
      t.strictSame(await plugin.names(), ['data'])
      await killAndWait(container)
      await until('a removed volume', 30_000, async () => {
        return (await plugin.remove('data')).status === 200
      })
      t.match(await plugin.get('data'), UNKNOWN)
    },
  )

  void file.test('a mount is counted for its id, and what is not counted is fine', async t => {
    const { plugin } = await world(t, 1)
    requireOk(await plugin.create('data'))
    for (const id of ['1', 'never']) requireOk(await plugin.unmount('data', id))
    const root = await plugin.mount('data', '1')
    t.equal(await plugin.mount('data', '1'), root)
    t.equal(await plugin.mount('data', '2'), root)
    t.strictSame((await plugin.volume('data')).Status.mounts, { 1: 2, 2: 1 })
    for (const id of ['1', 'never', '2', '2']) requireOk(await plugin.unmount('data', id))
    t.strictSame((await plugin.volume('data')).Status.mounts, { 1: 1 })
    t.ok(await isMounted(root))
    for (const id of ['1', '1']) requireOk(await plugin.unmount('data', id))
    t.strictSame((await plugin.volume('data')).Status, {
      ...(await plugin.volume('data')).Status,
      state: 'ready',
      mounts: {},
    })
    t.notOk(await isMounted(root))
  })

  void file.test('mounts that come at once share one', async t => {
    const { plugin } = await world(t, 1)
    requireOk(await plugin.create('data'))
    const ids = Array.from({ length: 8 }, (_, index) => String(index))
    const roots = await Promise.all(ids.map(async id => await plugin.mount('data', id)))
    const [root = ''] = roots
    t.equal(new Set(roots).size, 1)
    t.equal(await mountsOf(root), 1)
    await Promise.all(ids.map(async id => await plugin.unmount('data', id)))
    t.strictSame((await plugin.volume('data')).Status.mounts, {})
    t.notOk(await isMounted(root))
  })

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    void file.test(`after ${signal} mounts are there, and are counted on`, async t => {
      const { plugin, restart } = await world(t, 1)
      requireOk(await plugin.create('data'))
      const root = await plugin.mount('data', '1')
      await plugin.mount('data', '1')
      await writeFile(join(root, 'file'), 'in use')
      await plugin.end(signal)
      t.equal(await readFile(join(root, 'file'), 'utf8'), 'in use', 'without a plugin')
      const after = await restart()
      t.match(await after.volume('data'), { Mountpoint: root, Status: { mounts: { 1: 2 } } })
      requireOk(await after.unmount('data', '1'))
      t.ok(await isMounted(root))
      requireOk(await after.unmount('data', '1'))
      t.notOk(await isMounted(root))
    })
  }

  void file.test('a disk is found again under another name', async t => {
    const { plugin, disks, restart } = await world(t, 1)
    const [disk] = disks
    await createWithFile(plugin)
    await disk?.detach()
    t.match(await plugin.call('Mount', { Name: 'data', ID: '1' }), {
      status: 500,
      body: { Err: /its disk \(serial loop:.*\) is not there/ },
    })
    await plugin.end('SIGTERM')

    const without = await restart()
    t.match(await without.volume('data'), { Status: { state: /missing/ } })
    t.strictSame(await without.names(), ['data'])
    await without.end('SIGTERM')

    const other = await LoopDisk.create(t, { size: SIZE })
    await other.detach()
    await disk?.attach(other.file)
    const renamed = await LoopDisk.create(t, { file: disk?.file ?? '' })
    t.not(renamed.name, disk?.name)
    const found = await restart()
    t.equal(await readFile(join(await found.mount('data', '1'), 'file'), 'utf8'), 'precious')
    t.match(await found.volume('data'), { Status: { disk: { device: renamed.name } } })
  })

  void file.test('a copy of a disk that is there too is mounted no more than the disk', async t => {
    const { plugin, disks } = await world(t, 1)
    await createWithFile(plugin)
    await LoopDisk.create(t, { file: disks[0]?.file ?? '' })
    t.match(await plugin.call('Mount', { Name: 'data', ID: '1' }), {
      status: 500,
      body: { Err: /there are two of it/ },
    })
  })

  void file.test('what was put on a disk by others is not mounted', async t => {
    const { plugin, disks } = await world(t, 1)
    requireOk(await plugin.create('data'))
    await disks[0]?.write(0, Buffer.alloc(MIB))
    const wiped = await disks[0]?.checksum()
    t.match(await plugin.call('Mount', { Name: 'data', ID: '1' }), {
      status: 500,
      body: { Err: /there is no XFS on the disk any more/ },
    })
    t.equal(await disks[0]?.checksum(), wiped)
  })
}

async function world(t: Test, count: number, { settings = {} }: VolumePluginOptions = {}) {
  const disks = await Promise.all(
    Array.from({ length: count }, async () => await LoopDisk.create(t, { size: SIZE })),
  )
  const folder = await pluginFolder(t)
  const restart = async () => await VolumePlugin.start(t, folder, { disks, settings })
  return { disks, folder, plugin: await restart(), restart }
}

async function createWithFile(
  plugin: VolumePlugin,
  options: Readonly<Record<string, string>> = {},
): Promise<void> {
  requireOk(await plugin.create('data', options))
  await writeFile(join(await plugin.mount('data', 'writer'), 'file'), 'precious')
  requireOk(await plugin.unmount('data', 'writer'))
}

/** As udev's helpers do, when a disk was written. */
async function openNowAndThen(node: string, stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
    const held = await open(node, constants.O_RDONLY | constants.O_EXCL).catch(() => undefined)
    await sleep(10)
    await held?.close()
    await sleep(10)
  }
}

/** @param root of a volume, which is a folder on what is mounted */
async function mountsOf(root: string): Promise<number> {
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n')
  return lines.filter(line => line.split(' ')[4] === join(root, '..')).length
}

const isMounted = async (root: string): Promise<boolean> => (await mountsOf(root)) > 0
