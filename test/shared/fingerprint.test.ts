import { join } from 'node:path'
import t from 'tap'
import { isSameMachine, readFingerprint } from '../../shared/fingerprint.ts'

const [A, B, C] = ['02:42:0a:00:00:01', '02:42:0a:00:00:02', '02:42:0a:00:00:03'] as const

/** An interface, as sysfs shows it; `assigned`: the kernel's word for where its address is from, 0 for the device. */
const device = (address: string, assigned = 0) => ({
  address: `${address}\n`,
  addr_assign_type: `${assigned}\n`,
})
const dmi = (uuid: string) => ({ dmi: { id: { product_uuid: `${uuid}\n` } } })

await t.test('a machine is known by its product and by the addresses its hardware has', async t => {
  const sys = t.testdir({
    class: { ...dmi('4C4C4544-0042'), net: { eth1: device(B), eth0: device(A) } },
  })
  t.strictSame(await readFingerprint(sys), { product: '4c4c4544-0042', macs: [A, B] })
})

await t.test('addresses that were drawn or given, and none at all, say nothing', async t => {
  const sys = t.testdir({
    class: {
      net: {
        eth0: device(A),
        docker0: device(B, 1),
        bond0: device(A, 2),
        dummy0: device(C, 3),
        lo: device('00:00:00:00:00:00'),
        tun0: { address: '\n', addr_assign_type: '0\n' },
        bonding_masters: 'bond0\n',
      },
    },
  })
  t.strictSame(await readFingerprint(sys), { product: '', macs: [A] })
})

await t.test('where nothing can be seen, that is no error', async t => {
  const nothing = { product: '', macs: [] }
  t.strictSame(await readFingerprint(t.testdir()), nothing)
  t.strictSame(await readFingerprint(join(t.testdir(), 'absent')), nothing)
})

await t.test('this machine is itself', async t => {
  t.ok(isSameMachine(await readFingerprint(), await readFingerprint()))
})

await t.test('two may be of one machine, unless what both know differs', t => {
  const before = { product: 'p', macs: [A, B] }
  for (const [what, now, isSame] of [
    ['nothing changed', before, true],
    ['one interface is left', { product: 'p', macs: [B] }, true],
    ['one went and one came', { product: 'p', macs: [A, C] }, true],
    ['all are others', { product: 'p', macs: [C] }, false],
    ['the product is another', { product: 'q', macs: [A, B] }, false],
    ['both are others', { product: 'q', macs: [C] }, false],
    ['the product is not told, the interfaces are', { product: '', macs: [A] }, true],
    ['the product is not told, and all interfaces are others', { product: '', macs: [C] }, false],
    ['no interface is there yet', { product: 'p', macs: [] }, true],
    ['no interface is there, and the product is another', { product: 'q', macs: [] }, false],
    ['nothing is told', { product: '', macs: [] }, true],
  ] as const) {
    t.equal(isSameMachine(before, now), isSame, what)
    t.equal(isSameMachine(now, before), isSame, `${what}, seen from there`)
  }
  t.end()
})
