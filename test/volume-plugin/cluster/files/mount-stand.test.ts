import { lstat, mkdir, readdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { t as file } from 'tap'
import { LinuxBinds } from '../../../../volume-plugin/cluster/linux-binds.ts'
import { command } from '../../../../volume-plugin/command.ts'
import { canHaveFiles, FilesWorld } from './world.ts'

if (!canHaveFiles(file)) process.exit()

const WEB = ['web']

await file.test('where somebody took all mounts away, there is no such path', async t => {
  const world = await FilesWorld.open(t)
  const files = await world.begun()
  await mkdir(join(world.source, 'web'))
  await writeFile(join(world.source, 'web', 'page'), '')
  const at = world.at('web')
  await files.bind(WEB, at)
  t.strictSame(await readdir(at), ['page'])
  // As an engine does that was killed, when it starts.
  await command('umount', ['--lazy', '--recursive', '--', dirname(at)], { deadlineMs: 10_000 })
  await t.rejects(lstat(at), { code: 'ENOENT' })
  await files.bind(WEB, at)
  t.strictSame(await readdir(at), ['page'], 'it is mounted again')
})

await file.test('below the folder that was mounted nothing can be written', async t => {
  const world = await FilesWorld.open(t)
  const files = await world.begun()
  await mkdir(join(world.source, 'web'))
  const at = world.at('web')
  await files.bind(WEB, at)
  await command('umount', ['--lazy', '--', at], { deadlineMs: 10_000 })
  await t.rejects(writeFile(join(at, 'page'), ''), { code: 'EROFS' })
  await files.bind(WEB, at)
  await writeFile(join(at, 'page'), '')
  t.strictSame(await readdir(join(world.source, 'web')), ['page'])
})

await file.test('what is detached leaves nothing behind, but for containers', async t => {
  const world = await FilesWorld.open(t)
  const files = await world.begun()
  await mkdir(join(world.source, 'web'))
  const at = world.at('web')
  await files.bind(WEB, at)
  const binds = new LinuxBinds()
  await binds.detach(at)
  await binds.detach(at)
  await t.rejects(lstat(dirname(at)), { code: 'ENOENT' })
  t.strictSame(
    (await binds.mounted()).filter(path => path.startsWith(dirname(at))),
    [],
  )
})
