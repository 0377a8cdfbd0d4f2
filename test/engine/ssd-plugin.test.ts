import { refusal, removeContainers, runContainer } from './lab/actions.ts'
import type { Plugin } from './lab/plugin.ts'
import {
  assertKept,
  createVolume,
  inspectVolume,
  mountedInside,
  mountsOf,
  note,
  notes,
  oneSsdHostWithUpgrade,
  whyNoVolumes,
  type SsdHost,
} from './lab/volumes.ts'
import { onOldestAndNewest, type Test } from './lab/world.ts'

/** The engine tries for 15 s to reach a plugin that is not there. */
const PATIENT = { deadline: 120_000 }

await onOldestAndNewest(async (t, suite) => {
  const host = await oneSsdHostWithUpgrade(t, suite)
  const { engine, plugin } = host
  await createVolume(engine, 'db', ['--label', 'tier=gold', '-o', 'size=400MiB'])
  const made = await inspectVolume(engine, 'db')
  const each = (sentence: string, scenario: (t: Test) => Promise<void>) =>
    t.test(sentence, async t => {
      await runContainer(engine, 'none', 'stays', '-v db:/data')
      await note(engine, 'stays', 'before')
      await scenario(t)
      t.equal((await notes(engine, 'stays')).at(-1), 'before', 'the container has kept its disk')
      await assertKept(t, engine, 'db', made)
      await runContainer(engine, 'none', 'new', '-v db:/data')
      await note(engine, 'new', 'after')
      t.equal((await notes(engine, 'stays')).at(-1), 'after', 'a new one has the same disk')
      await removeContainers(engine, ['stays', 'new'])
      t.equal(await mountsOf(engine, 'db'), 0, 'no mount is counted in the end')
    })

  await each('kill -9 of the plugin: containers do not notice', async () => await plugin.kill())
  await each(
    'disabled and enabled: volumes are refused meanwhile, and are there again',
    async t => {
      await plugin.disable()
      const late = runContainer(engine, 'none', 'late', '-v db:/data')
      t.match(await refusal(late), 'berth-ssd')
      await plugin.enable()
      t.match(await refusal(engine.docker(['volume', 'rm', 'db'])), 'in use')
    },
  )
  await each('an upgrade keeps every volume', async t => {
    await plugin.disable()
    await plugin.upgrade(host.upgrade)
    await plugin.enable()
    t.equal(await plugin.reference(), host.upgrade, 'the new one is installed')
  })

  await t.test('a container that ends while the plugin is disabled leaves nothing in use', t =>
    endsMeanwhile(t, plugin),
  )
  await t.test('a disk that comes back under another name is found', t => renamed(t, host))
}, whyNoVolumes)

async function endsMeanwhile(t: Test, plugin: Plugin): Promise<void> {
  const { engine } = plugin
  await createVolume(engine, 'short')
  await runContainer(engine, 'none', 'ends', '-v short:/data')
  await plugin.disable()
  await engine.docker(['rm', '-f', 'ends'], PATIENT)
  await plugin.enable()
  await engine.docker(['volume', 'rm', 'short'])
  t.notMatch(await engine.docker(['volume', 'ls']), 'short')
}

/** The two disks change places while the host is off, so that each has the name of the other. */
async function renamed(t: Test, { engine, disks }: SsdHost): Promise<void> {
  const [one, two] = disks
  if (!one || !two) throw new Error('there are fewer than two disks')
  const made = await inspectVolume(engine, 'db')
  const [old, other] = made.Status.disk.device === one.name ? [one, two] : [two, one]
  await engine.powerCut()
  for (const disk of disks) await disk.detach()
  await other.attach(old.file)
  await old.attach(other.file)
  await engine.host.boot()
  await engine.start({})
  t.equal((await inspectVolume(engine, 'db')).Status.disk.device, other.name)
  await runContainer(engine, 'none', 'web', '-v db:/data')
  t.equal(await mountedInside(engine, 'web'), `${other.node} xfs`)
  t.equal((await notes(engine, 'web')).at(-1), 'after', 'with what was written to it')
  await assertKept(t, engine, 'db', made)
  await removeContainers(engine, ['web'])
}
