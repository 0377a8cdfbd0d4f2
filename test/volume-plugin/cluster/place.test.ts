import t from 'tap'
import { overlap, parsePath, pathOf } from '../../../volume-plugin/cluster/place.ts'

void t.test('a path is read as the folders that lead to it', t => {
  t.strictSame(parsePath('projects/web'), ['projects', 'web'])
  t.strictSame(parsePath('ein Ordner/…'), ['ein Ordner', '…'])
  t.equal(pathOf(['projects', 'web']), 'projects/web')
  t.end()
})

void t.test('a path that might leave CLUSTER_ROOT is refused', t => {
  for (const path of ['', '/', '/etc', 'a/', 'a//b', '.', '..', 'a/../../etc', 'a/.', 'a\0b']) {
    t.throws(() => parsePath(path), { message: 'below CLUSTER_ROOT' }, JSON.stringify(path))
  }
  t.throws(() => parsePath('a\nb'), 'nor has it control characters')
  t.throws(() => parsePath('x'.repeat(256)), 'nor a name that no file system takes')
  t.throws(() => parsePath(Array.from({ length: 33 }, () => 'x').join('/')))
  t.end()
})

void t.test('where Berth makes and removes folders nobody chooses one', t => {
  for (const path of ['.berth', '.berth/parked/x', 'volumes/db', 'logs']) {
    t.throws(() => parsePath(path), { message: 'where Berth makes' }, path)
  }
  t.strictSame(parsePath('mine/volumes'), ['mine', 'volumes'])
  t.end()
})

void t.test('folders overlap where one is the other, or in it', t => {
  t.ok(overlap(['a', 'b'], ['a', 'b']))
  t.ok(overlap(['a'], ['a', 'b']))
  t.ok(overlap(['a', 'b', 'c'], ['a']))
  t.notOk(overlap(['a', 'b'], ['a', 'c']))
  t.notOk(overlap(['ab'], ['a']))
  t.end()
})
