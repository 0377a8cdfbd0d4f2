import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { refusal, removeContainers, runContainer } from './lab/actions.ts'
import type { Engine } from './lab/engine.ts'
import { IMAGE } from './lab/image.ts'
import { run } from './lab/run.ts'
import {
  createVolume,
  inside,
  inspectVolume,
  isMountedOnHost,
  mountedInside,
  mountsOf,
  note,
  notes,
  oneSsdHost,
  whyNoVolumes,
} from './lab/volumes.ts'
import { onOldestAndNewest } from './lab/world.ts'

const OPTIONS = { size: '400MiB', mode: '0750', uid: '70' }

await onOldestAndNewest(async (t, suite) => {
  const { engine, disks } = await oneSsdHost(t, suite, 3)
  const [small, middle] = disks
  if (!small || !middle) throw new Error('there are fewer than three disks')

  await t.test('a volume is a disk, as inspect shows it', async t => {
    const options = Object.entries(OPTIONS).flatMap(([name, value]) => ['-o', `${name}=${value}`])
    await createVolume(engine, 'db', ['--label', 'tier=gold', ...options])
    const { Labels, Options, Status } = await inspectVolume(engine, 'db')
    t.strictSame([Labels, Options], [{ tier: 'gold' }, OPTIONS])
    t.match(Status, {
      state: 'ready',
      disk: { device: small.name, serial: small.file },
      mounts: {},
    })
    t.match(await engine.docker(['volume', 'ls']), /berth-ssd:latest +db$/m)
    t.notOk(await isMountedOnHost(engine, small))
  })

  await t.test('a container has the disk, empty and with the owner that was asked for', async t => {
    await runContainer(engine, 'none', 'one', '-v db:/data')
    t.equal(await mountedInside(engine, 'one'), `${small.node} xfs`)
    t.equal(
      await inside(engine, 'one', 'busybox ls -A /data'),
      '',
      'no lost+found, no file of ours',
    )
    t.equal(await inside(engine, 'one', 'busybox stat -c "%u %a" /data'), '70 750')
    await note(engine, 'one', 'first')
    t.equal((await inspectVolume(engine, 'db')).Status.state, 'mounted')
  })

  await t.test('two containers share it', async t => {
    await runContainer(engine, 'none', 'two', '-v db:/data')
    await note(engine, 'two', 'second')
    t.strictSame(await notes(engine, 'one'), ['first', 'second'])
    t.equal(await mountsOf(engine, 'db'), 2)
  })

  await t.test('docker cp into a running container takes nothing away from it', async t => {
    const file = engine.host.path('copied')
    writeFileSync(file, 'copied\n')
    await engine.docker(['cp', file, 'one:/data/copied'])
    await engine.docker(['cp', 'one:/data/copied', `${file}.back`])
    t.equal(await inside(engine, 'two', 'busybox cat /data/copied'), 'copied')
    t.equal(await mountsOf(engine, 'db'), 2)
    await removeContainers(engine, ['two'])
    t.equal(await mountedInside(engine, 'one'), `${small.node} xfs`)
    await note(engine, 'one', 'third')
  })

  await t.test('it is there again after stop and start', async t => {
    await engine.docker(['stop', 'one'])
    t.equal((await inspectVolume(engine, 'db')).Status.state, 'ready')
    t.notOk(await isMountedOnHost(engine, small), 'meanwhile it is not mounted')
    await engine.docker(['start', 'one'])
    t.strictSame(await notes(engine, 'one'), ['first', 'second', 'third'])
  })

  await t.test('what the image has in the folder is copied, with owner and mode', async t => {
    const image = await imageWithFolder(engine)
    const options = [
      'run',
      '-d',
      '--network',
      'none',
      '--name',
      'copy',
      '--volume-driver',
      'berth-ssd',
    ]
    await engine.docker([...options, '-v', 'copied-up:/data', image])
    t.equal(await mountedInside(engine, 'copy'), `${middle.node} xfs`)
    t.equal(await inside(engine, 'copy', 'busybox stat -c "%u:%g %a" /data'), '1000:2000 750')
    t.equal(
      await inside(engine, 'copy', 'busybox stat -c "%n %u:%g %a" /data/*; busybox cat /data/seed'),
      '/data/seed 1000:2000 640\nfrom the image',
    )
    await removeContainers(engine, ['copy'])
  })

  await t.test('one that a container uses is not removed', async t => {
    t.match(await refusal(engine.docker(['volume', 'rm', 'db'])), 'in use')
    t.strictSame(await notes(engine, 'one'), ['first', 'second', 'third'])
  })

  await t.test('a removed one is parked, and its name is not given again', async t => {
    await engine.docker(['volume', 'rm', 'copied-up'])
    t.notMatch(await engine.docker(['volume', 'ls']), 'copied-up')
    t.match(await refusal(createVolume(engine, 'copied-up')), 'berth volume restore copied-up')
  })

  await t.test('an anonymous volume is refused, and so is what nobody could mean', async t => {
    const anonymous = ['run', '--rm', '--network', 'none', '--volume-driver', 'berth-ssd']
    t.match(await refusal(engine.docker([...anonymous, '-v', '/data', IMAGE])), 'SSD_ANONYMOUS')
    t.match(await refusal(createVolume(engine, 'other', ['-o', 'fs=ext4'])), /xfs/i)
    t.match(await refusal(createVolume(engine, 'other', ['-o', 'colour=red'])), 'colour')
    t.match(await refusal(createVolume(engine, 'other', ['-o', 'size=1TiB'])), /TiB/)
    t.match(await refusal(createVolume(engine, '../other')), 'not a name for a volume')
  })

  await t.test('the last disk goes, and then there is none', async t => {
    await createVolume(engine, 'last')
    t.match(await refusal(createVolume(engine, 'late')), /free/)
    t.match((await inspectVolume(engine, 'last')).Status.state, 'ready')
    await removeContainers(engine, ['one'])
  })
}, whyNoVolumes)

/** An image with a folder /data, of an owner and a mode of its own, and a file in it. */
async function imageWithFolder(engine: Engine): Promise<string> {
  const context = engine.host.path('context')
  const folder = join(context, 'data')
  const seed = join(folder, 'seed')
  mkdirSync(folder, { recursive: true })
  writeFileSync(seed, 'from the image\n')
  chmodSync(seed, 0o640)
  chmodSync(folder, 0o750)
  for (const each of [seed, folder]) chownSync(each, 1000, 2000)
  await run('tar', ['-C', context, '-cf', join(context, 'data.tar'), 'data'])
  writeFileSync(join(context, 'Dockerfile'), `FROM ${IMAGE}\nADD data.tar /\n`)
  await engine.docker(['build', '--network', 'none', '--tag', 'with-folder', context])
  return 'with-folder'
}
