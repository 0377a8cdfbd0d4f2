import t from 'tap'
import { mountPath } from '../../../volume-plugin/cluster/mount-path.ts'
import { Folder } from './simulation/folder-tree.ts'
import { MemoryBinds } from './simulation/memory-files.ts'
import { hostsOf, MOUNT_ROOT } from './host.ts'

/** Of which the first cannot be unmounted. */
class StuckBinds extends MemoryBinds {
  #isStuck = true

  override async detach(at: string): Promise<void> {
    if (!this.#isStuck) return await super.detach(at)
    this.#isStuck = false
    throw new Error(`${at} cannot be unmounted: target is busy`)
  }
}

await t.test('a note of an earlier boot is dropped, whatever is in it', async t => {
  const [a] = await hostsOf(t, ['a'])
  const value = JSON.stringify({ boot: 'earlier', note: { of: 'a later version' } })
  await a.database.write([{ type: 'put', key: 'mounts/db', value }], { sync: true })
  const after = await a.restarted()
  await after.tend()
  t.equal(after.database.get('mounts/db'), undefined)
  await after.create('db')
  t.ok(await after.mount('db', 'container'))
})

await t.test("what cannot be unmounted at the start stands in no volume's way", async t => {
  const [a] = await hostsOf(t, ['a'])
  await a.create('db')
  const binds = new StuckBinds()
  binds.at.set(mountPath(MOUNT_ROOT, 'old'), new Folder())
  const after = await a.restarted({ binds })
  await after.tend()
  t.equal(await after.mount('db', 'container'), mountPath(MOUNT_ROOT, 'db'))
})

await t.test('what was not unmounted when its last container went is unmounted later', async t => {
  const [a, b] = await hostsOf(t, ['a', 'b'])
  await a.create('db', { access: 'exclusive' })
  const before = await a.restarted({ binds: new StuckBinds() })
  await before.tend()
  await before.mount('db', 'container')
  await t.rejects(before.unmount('db', 'container'), /busy/)
  t.ok(before.isBound('db'))
  await b.tend()
  t.ok(await b.mount('db', 'other'), 'it is given back all the same')
  await before.tend()
  t.notOk(before.isBound('db'))
})
