import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { t as file } from 'tap'
import type { Test } from 'tap'
import { LoopDisk } from '../../../disks/loop-disk.ts'
import { canUseDisks } from '../../../disks/requirements.ts'
import { until } from '../../../engine/lab/until.ts'
import { pluginFolder, requireOk, VolumePlugin } from '../../process.ts'
import { SIZE } from './state.ts'

file.setTimeout(300_000)
file.jobs = 2

type Case = {
  readonly name: string
  readonly settings: (disk: LoopDisk) => Readonly<Record<string, string>>
  readonly code: string
  readonly says: RegExp
}

const CASES: readonly Case[] = [
  {
    name: 'no disk is named',
    settings: () => ({ SSD_DEVICES: '' }),
    code: 'not-allowed',
    says: /SSD_DEVICES is empty/,
  },
  {
    name: 'others are named',
    settings: () => ({ SSD_DEVICES: '/dev/disk/by-id/nvme-*' }),
    code: 'not-allowed',
    says: /SSD_DEVICES names those/,
  },
  {
    name: 'it is denied',
    settings: ({ node }) => ({ SSD_DENY: node }),
    code: 'denied',
    says: /needs a free disk/,
  },
  {
    name: 'loop devices are no disks',
    settings: () => ({ SSD_ALLOW_LOOP: '0' }),
    code: 'loop',
    says: /needs a free disk/,
  },
]

/** For a device that is no disk. */
const HARMLESS = /"\/dev\/(?:null|zero|u?random|tty|pts\/|shm\/|ptmx)/

if (canUseDisks()) {
  for (const { name, settings, code, says } of CASES) {
    void file.test(`a blank disk is not even opened where ${name}`, async t => {
      const disk = await LoopDisk.create(t, { size: SIZE })
      const opened = await opens(t, disk, settings(disk), async plugin => {
        const { status, body } = await plugin.create('data')
        t.equal(status, 500)
        t.match(body['Err'], says)
        const { reasons } = await plugin.disk(disk.node)
        t.ok(reasons.some(reason => reason.code === code))
      })
      t.strictSame(ofDevices(opened).filter(isWrite), [])
      t.strictSame(
        opened.filter(line => line.includes(`"${disk.node}"`)),
        [],
      )
    })
  }

  void file.test('a blank disk that is taken is opened exclusively to be written', async t => {
    const disk = await LoopDisk.create(t, { size: SIZE })
    const opened = await opens(t, disk, {}, async plugin => {
      requireOk(await plugin.create('data'))
    })
    const writes = ofDevices(opened).filter(isWrite)
    t.ok(writes.length > 0)
    t.strictSame(
      writes.filter(line => !line.includes(`"${disk.node}"`) || !line.includes('O_EXCL')),
      [],
    )
  })
}

/** What the plugin and its tools open, from its start to its end. */
async function opens(
  t: Test,
  disk: LoopDisk,
  settings: Readonly<Record<string, string>>,
  use: (plugin: VolumePlugin) => Promise<void>,
): Promise<readonly string[]> {
  const folder = await pluginFolder(t)
  const trace = join(folder, 'trace')
  // Beside the plugin, not above it: signals are for the plugin.
  const strace = ['strace', '-DDD', '-f', '-q', '-e', 'trace=open,openat,openat2', '-o', trace]
  const plugin = await VolumePlugin.start(t, folder, { disks: [disk], settings, through: strace })
  await use(plugin)
  await plugin.end('SIGTERM')
  return await until('a whole trace', 30_000, async () => {
    const lines = (await readFile(trace, 'utf8')).split('\n')
    const pid = lines[0]?.split(' ')[0] ?? ''
    const isWhole = lines.some(line => line.startsWith(`${pid} `) && line.includes('+++ exited'))
    return isWhole && lines
  })
}

const ofDevices = (lines: readonly string[]): readonly string[] =>
  lines.filter(line => line.includes('"/dev/') && !HARMLESS.test(line))

const isWrite = (line: string): boolean => /O_RDWR|O_WRONLY|O_CREAT/.test(line)
