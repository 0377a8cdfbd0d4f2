import { execFileSync } from 'node:child_process'
import { open } from 'node:fs/promises'
import t from 'tap'
import { MIB } from './loop-disk.ts'
import { canUseDisks, whyNoVolatileDisks } from './requirements.ts'
import { VolatileDisk } from './volatile-disk.ts'

t.setTimeout(5 * 60_000)

if (canUseDisks(whyNoVolatileDisks())) {
  await t.test('a power cut loses what was not flushed, and that alone', async t => {
    const disk = await VolatileDisk.create(t)
    await disk.loop.write(MIB, Buffer.from('kept'))
    await writeUnflushed(disk, 2 * MIB, Buffer.alloc(MIB, 'x'))
    await disk.crash()
    await disk.powerUp()
    t.equal((await disk.loop.read(MIB, 4)).toString(), 'kept')
    t.ok((await disk.loop.read(2 * MIB, MIB)).equals(Buffer.alloc(MIB)))
  })

  await t.test('a power cut with a seed loses the same half each time', async t => {
    const seen = []
    for (const seed of [7, 7, 8]) {
      const disk = await VolatileDisk.create(t)
      await writeUnflushed(disk, 0, Buffer.alloc(MIB, 'x'))
      await disk.crash(seed)
      await disk.powerUp()
      seen.push(await disk.loop.read(0, MIB))
    }
    const [one, same, other] = seen
    t.ok(one?.includes(0) && one.includes('x'))
    t.ok(same && one?.equals(same))
    t.notOk(other && one?.equals(other))
  })

  await t.test('a disk that lies loses what it said was flushed', async t => {
    const disk = await VolatileDisk.create(t)
    await disk.lie()
    await disk.loop.write(MIB, Buffer.from('lost'))
    await disk.crash()
    await disk.powerUp()
    t.ok((await disk.loop.read(MIB, 4)).equals(Buffer.alloc(4)))
  })

  await t.test('a broken disk can be neither read nor written', async t => {
    const disk = await VolatileDisk.create(t)
    await disk.eio()
    await t.rejects(disk.loop.read(0, 4096), { code: 'EIO' })
    await t.rejects(disk.loop.write(0, Buffer.alloc(4096)), { code: 'EIO' })
  })
}

/** Past the kernel's cache, and into the disk's. */
async function writeUnflushed(disk: VolatileDisk, offset: number, data: Buffer): Promise<void> {
  const source = `${disk.loop.folder}/data`
  await using file = await open(source, 'w')
  await file.writeFile(data)
  const blocks = [
    'bs=64K',
    `seek=${offset / 65_536}`,
    'oflag=direct',
    'conv=notrunc',
    'status=none',
  ]
  execFileSync('/usr/bin/dd', [`if=${source}`, `of=${disk.loop.node}`, ...blocks])
}
