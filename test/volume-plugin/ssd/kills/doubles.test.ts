import './own-mounts.ts'
import t from 'tap'
import { canUseDisks, whyNoVolatileDisks } from '../../../disks/requirements.ts'
import { Random } from '../../../history/random.ts'
import { cutOff, prepare } from './cutting.ts'
import { endAndCheck, judge } from './judge.ts'
import { PowerWorld } from './power-world.ts'
import { create, scenarioOf } from './scenarios.ts'
import type { Test } from './world.ts'
import { World } from './world.ts'

/** Power cuts that are tried; about half of them lose the superblock, and with it what could be trusted. */
const SEEDS = [2, 1, 3, 4, 5, 6, 7, 8]

if (canUseDisks(whyNoVolatileDisks())) {
  await t.test('a plugin that writes no mark is found out', async t => {
    const faults = await faultsOf(t, 'no-mark', 'book.put marked')
    t.match(faults.join('\n'), /a is in quarantine: its mark should be there/)
  })

  await t.test('a plugin that writes its intent after the mark is found out', async t => {
    const faults = await faultsOf(t, 'late-intent', 'hold.write')
    t.match(faults.join('\n'), /is nobody's/)
  })

  // It comes to no harm, as far as seen: what a cut leaves of mkfs is too little to be mounted and filled. But the disk is set
  // aside, and a volume that could be made is not.
  await t.test(
    'a plugin that trusts a file system whose mkfs nobody saw end is found out',
    async t => {
      for (const seed of SEEDS) {
        const faults = await faultsOfCut(t, seed, { DOUBLE: 'trusting' })
        if (faults.length === 0) continue
        t.match(faults.join('\n'), /a is in quarantine: it could not be made/)
        t.strictSame(await faultsOfCut(t, seed, {}), [], 'the plugin as it is makes the volume')
        return
      }
      t.fail('no power cut has shown it')
    },
  )
}

/** What is wrong after a power cut that came when mkfs had written all, and not flushed it yet. */
async function faultsOfCut(
  t: Test,
  seed: number,
  settings: Readonly<Record<string, string>>,
): Promise<readonly string[]> {
  const host = await PowerWorld.create(t, 1)
  const marked = await host.start()
  await marked.arm({ call: 'book.put formatting', when: 'after' })
  await create(marked, 'a').catch(() => {})
  await marked.ended()
  await host.loseFlushes()
  const formatted = host.launch({ KILL_AT: 'hold.format:after' })
  await formatted.ended()
  await host.cut(formatted, new Random(seed))
  const plugin = await host.start(settings)
  try {
    const faults = await judge(host.world, plugin, { volumes: { a: { is: 'there', texts: [''] } } })
    return [...faults, ...(await endAndCheck(host.world, plugin))]
  } finally {
    await plugin.kill()
  }
}

/** What is wrong with a plugin that has that fault, and was killed after that call of Create. */
async function faultsOf(t: Test, DOUBLE: string, call: string): Promise<readonly string[]> {
  const scenario = scenarioOf('Create')
  const world = await World.create(t, 2)
  await prepare(world, scenario)
  return await cutOff(world, scenario, { call, when: 'after' }, { DOUBLE })
}
