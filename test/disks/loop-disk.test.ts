import t from 'tap'
import { existsSync, readFileSync } from 'node:fs'
import { LoopDisk, MIB } from './loop-disk.ts'
import { canUseDisks } from './requirements.ts'

if (canUseDisks()) {
  await t.test('the checksum tells every change, and not where the file has holes', async t => {
    const disk = await LoopDisk.create(t)
    const blank = await disk.checksum()
    await disk.write(5 * MIB, Buffer.from('x'))
    const written = await disk.checksum()
    t.not(written, blank)
    await disk.write(300 * MIB + 5, Buffer.from('y'))
    t.not(await disk.checksum(), written)
    t.equal((await disk.read(300 * MIB + 5, 1)).toString(), 'y')
    await disk.write(300 * MIB + 5, Buffer.alloc(1))
    await disk.write(5 * MIB + 65_536, Buffer.alloc(4096))
    t.equal(await disk.checksum(), written)
  })

  await t.test('disks that are made at once get a device each', async t => {
    const disks = await Promise.all(Array.from({ length: 4 }, () => LoopDisk.create(t)))
    t.equal(new Set(disks.map(({ node }) => node)).size, 4)
    t.ok(disks.every(({ name }) => Number(name.slice(4)) >= 40))
  })

  await t.test('a disk is what it was asked to be, and nothing of it is left', async t => {
    const made: LoopDisk[] = []
    await t.test('while the test runs', async t => {
      const options = { size: 300 * MIB, blockSize: 4096, readOnly: true } as const
      const disk = await LoopDisk.create(t, options)
      made.push(disk)
      const shown = (name: string) => readFileSync(`/sys/block/${disk.name}/${name}`, 'utf8').trim()
      t.equal(Number(shown('size')) * 512, 300 * MIB)
      t.equal(shown('queue/logical_block_size'), '4096')
      t.equal(shown('ro'), '1')
      t.equal(shown('queue/rotational'), '0')
    })
    for (const { folder, name } of made) {
      t.notOk(existsSync(folder))
      t.notOk(existsSync(`/sys/block/${name}/loop/backing_file`))
    }
  })
}
