import t from 'tap'
import { checkLabel, labelsOf, passesOver } from '../../../volume-plugin/ssd/disk-labels.ts'
import { someDisk } from './some-disk.ts'

await t.test('a disk carries what the kernel knows of it', t => {
  const nvme = someDisk('nvme0n1', { transport: 'nvme', numaNode: 1 })
  t.strictSame(labelsOf(nvme, {}), {
    model: 'SSD 9',
    transport: 'nvme',
    class: 'nvme',
    size: '1073741824',
    numa: '1',
    rotational: '0',
  })
  const bare = someDisk('vdb', { transport: '', identity: { model: '' }, isRotational: true })
  t.strictSame(labelsOf(bare, {}), { class: 'ssd', size: '1073741824', rotational: '1' })
  t.match(labelsOf(someDisk('loop40', { transport: 'loop' }), {}), { class: 'loop' })
  t.end()
})

await t.test('a model with strange characters can be asked for all the same', t => {
  const { model = '' } = labelsOf(someDisk('sdb', { identity: { model: 'ACME, (R) "Ω"' } }), {})
  t.equal(model, 'ACME_ _R_ ___')
  t.doesNotThrow(() => checkLabel('model', model))
  const long = someDisk('sdb', { identity: { model: `${'x'.repeat(62)} y` } })
  t.equal(labelsOf(long, {})['model'], 'x'.repeat(62))
  t.end()
})

await t.test("the operator's own labels win", t => {
  const labels = labelsOf(someDisk('sdb'), { class: 'slow', zone: 'a' })
  t.match(labels, { class: 'slow', zone: 'a', transport: 'sata' })
  t.end()
})

await t.test('the first label that does not match is named', t => {
  const labels = { class: 'ssd', zone: 'a' }
  t.equal(passesOver(labels, {}), undefined)
  t.equal(passesOver(labels, { zone: 'a', class: 'ssd' }), undefined)
  t.equal(passesOver(labels, { zone: 'a', class: 'nvme', tier: '1' }), 'class is ssd, not nvme')
  t.equal(passesOver(labels, { tier: '1' }), 'it has no label tier, and tier=1 is asked for')
  t.equal(
    passesOver(labels, { constructor: '' } as unknown as Record<string, string>),
    'it has no label constructor, and constructor= is asked for',
  )
  t.end()
})

await t.test('names and values of labels are checked', t => {
  for (const [name, value] of [
    ['zone', 'a'],
    ['0', ''],
    ['a.b-c_d', 'Rack 7/row-2_x.y'],
    ['a'.repeat(63), 'a'.repeat(63)],
    ['rotational', '0'],
  ] as const) {
    t.doesNotThrow(() => checkLabel(name, value), name)
  }
  for (const [name, value, why] of [
    ['', 'a', /"" is not a name for a label/],
    ['Zone', 'a', /not a name/],
    ['-zone', 'a', /not a name/],
    ['a'.repeat(64), 'a', /not a name/],
    ['zone\n', 'a', /not a name/],
    ['zone', 'a,b', /"a,b" is not a value for the label zone/],
    ['zone', 'a=b', /not a value/],
    ['zone', 'ä', /not a value/],
    ['zone', 'a'.repeat(64), /not a value/],
    ['rotational', 'no', /must be 0 or 1, not "no"/],
  ] as const) {
    t.throws(() => checkLabel(name, value), { code: 'bad-request', message: why }, name)
  }
  t.end()
})
