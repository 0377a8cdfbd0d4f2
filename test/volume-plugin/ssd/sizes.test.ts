import t from 'tap'
import { parseSize, sizeText } from '../../../volume-plugin/ssd/sizes.ts'

await t.test('sizes are in binary units, or bytes', t => {
  for (const [text, bytes] of [
    ['400GiB', 400 * 2 ** 30],
    ['1KiB', 1024],
    ['300MiB', 314_572_800],
    ['2TiB', 2 ** 41],
    ['8191TiB', 8191 * 2 ** 40],
    ['480103981056', 480_103_981_056],
    ['9007199254740991', 2 ** 53 - 1],
  ] as const) {
    t.equal(parseSize(text), bytes, text)
  }
  t.end()
})

await t.test('a decimal unit is refused with what to write, both ways', t => {
  t.throws(() => parseSize('400GB'), {
    message:
      'Must be in KiB, MiB, GiB or TiB: write 400GiB for 400.0 GiB (429.5 GB), or 400000000000 for 372.5 GiB (400.0 GB)',
  })
  for (const text of ['400G', '400g', '400gb', '400gib']) {
    t.throws(() => parseSize(text), { message: /write 400GiB for .*, or 400000000000 for/ }, text)
  }
  t.throws(() => parseSize('1tb'), { message: /write 1TiB for .*, or 1000000000000 for/ })
  t.end()
})

await t.test('what is no size, or none that a number can hold, is refused', t => {
  for (const text of ['', 'big', '1.5TiB', '-1', '4 GiB', '1e9', '0x10', '400 GB', '400GiB\n']) {
    t.throws(() => parseSize(text), { message: /^Must be a whole number of KiB/ }, text)
  }
  for (const text of ['8192TiB', '9007199254740992', '9999999999GB']) {
    t.throws(() => parseSize(text), { message: 'Must be less than 8192TiB' }, text)
  }
  t.throws(() => parseSize('0GiB'), { message: 'Must be more than 0' })
  t.end()
})

await t.test('sizes are shown in both units', t => {
  for (const [bytes, text] of [
    [0, '0 bytes'],
    [999, '999 bytes'],
    [1000, '1000 bytes (1.0 kB)'],
    [1024, '1.0 KiB (1.0 kB)'],
    [314_572_800, '300.0 MiB (314.6 MB)'],
    [400_000_000_000, '372.5 GiB (400.0 GB)'],
    [1_000_204_886_016, '931.5 GiB (1.0 TB)'],
    [2 ** 52, '4.0 PiB (4.5 PB)'],
  ] as const) {
    t.equal(sizeText(bytes), text)
  }
  t.end()
})
