import t from 'tap'
import {
  readCluster,
  readHost,
  readHostNotes,
  readMountNote,
  readParked,
  readVolume,
  write,
} from '../../../volume-plugin/cluster/cluster-records.ts'
import { parkedOf, someUser, someVolume } from './hosts-world.ts'

const row = (value: string) => ({ key: 'v1/volumes/data', value })
const options = {
  ...someVolume('any').options,
  access: 'exclusive',
  path: ['projects', 'web'],
  retainMs: 5,
} as const
const volume = someVolume('data', {
  options,
  users: { 'host-1': someUser('a'), 'host-2': someUser('b') },
  broken: { host: 'host-3', name: 'rack c', at: '2026-02-28T23:59:59Z' },
})

await t.test('what is written is read again', t => {
  for (const each of [volume, someVolume('plain')]) {
    t.strictSame(readVolume(row(write(each))), each)
    const parked = {
      ...parkedOf(each),
      state: 'destroying',
      since: '2024-02-29T00:00:00.123456789Z',
      keepMs: 0,
    } as const
    t.strictSame(readParked(row(write(parked))), parked)
  }
  const host = { name: 'rack a', generation: 3, nonce: 'n' }
  t.strictSame(readHost(row(write(host))), host)
  t.equal(readVolume(undefined), undefined)
  t.end()
})

await t.test('what makes no sense is refused, naming the record', t => {
  const { name: _name, ...nameless } = volume
  for (const [wrong, why] of [
    [nameless, /missing_value at \.name/],
    [{ ...volume, name: '../x' }, /not a name for a volume/],
    [{ ...volume, id: '../x' }, /not 32 hexadecimal digits/],
    [{ ...volume, state: 'gone' }, /state/],
    [{ ...volume, created: '2026-02-30T00:00:00Z' }, /not a time/],
    [{ ...volume, created: '2026-02-28 00:00:00' }, /not a time/],
    [{ ...volume, options: { ...options, path: ['..'] } }, /path/],
    [{ ...volume, users: { a: { ...someUser('a'), generation: -1 } } }, /not a count/],
    [{ ...volume, users: { a: { name: 'a' } } }, /users/],
    [{ ...volume, quota: 5 }, /unrecognized key "quota"/],
    [{ ...volume, options: { ...options, size: 5 } }, /size/],
  ] as const) {
    const read = () => readVolume(row(JSON.stringify(wrong)))
    t.throws(read, {
      message: /^The record v1\/volumes\/data cannot be read \(.*is this version older/s,
    })
    t.throws(read, { message: why })
  }
  t.throws(() => readVolume(row('{')), { message: /^The record v1\/volumes\/data cannot be read/ })
  t.throws(() => readHost(row('{"name":"a","generation":1.5,"nonce":"n"}')))
  t.throws(() => readCluster(row('{"id":"x","paths":"n"}')))
  t.throws(() => readHostNotes(row('{}')))
  t.throws(() => readMountNote(row('{"boot":"b","note":{}}')))
  t.end()
})
