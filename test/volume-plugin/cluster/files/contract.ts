import type { Test } from 'tap'
import type {
  Attributes,
  ClusterFiles,
  ClusterId,
} from '../../../../volume-plugin/cluster/cluster-files.ts'
import { parkedPlace } from '../../../../volume-plugin/cluster/place.ts'

/** One that was never given an id, and how its folders are filled and mounts seen. */
export type FilesSubject = {
  readonly files: ClusterFiles
  /** Writes a file into a folder. */
  fill(place: readonly string[], file: string): Promise<void>
  /** The files of a folder, wherever it is; undefined where there is none. */
  entries(place: readonly string[]): Promise<readonly string[] | undefined>
  attributes(place: readonly string[]): Promise<Attributes>
  /** The files that are seen through what is mounted there; undefined where nothing is. */
  seen(at: string): Promise<readonly string[] | undefined>
  /** A path to mount on. */
  at(name: string): string
}

const ID = 'a'.repeat(32) as ClusterId
const OTHER = 'b'.repeat(32) as ClusterId
const PLAIN: Attributes = { uid: undefined, gid: undefined, mode: undefined }
const place = (name: string) => ['volumes', name]
const PARKED = parkedPlace({ id: '1', restored: 0 })

/** What every ClusterFiles does. */
export async function filesContract(
  t: Test,
  name: string,
  make: (t: Test) => Promise<FilesSubject>,
): Promise<void> {
  const each = (what: string, act: (t: Test, subject: FilesSubject) => Promise<void>) =>
    t.test(what, async t => {
      const subject = await make(t)
      await subject.files.init(ID)
      await act(t, subject)
    })

  await t.test(name, async t => {
    t.plan(2)
    await t.test('a file system is given an id once, and has none before', async t => {
      const { files } = await make(t)
      t.equal(await files.check(), undefined)
      const code = 'cluster-away'
      await t.rejects(files.make(place('web'), PLAIN), { code }, 'nothing is made on it before')
      await t.rejects(files.folders([]), { code })
      t.equal(await files.init(ID), ID)
      t.equal(await files.init(OTHER), ID)
      t.equal(await files.check(), ID)
    })
    await t.test('of those who give it an id at once one is the first', async t => {
      const { files } = await make(t)
      const ids = ['c', 'd', 'e', 'f'].map(digit => digit.repeat(32) as ClusterId)
      const given = await Promise.all(ids.map(id => files.init(id)))
      t.equal(new Set([...given, await files.check()]).size, 1)
    })
  })

  await each(
    'a folder is made with those above it, as often as it is asked',
    async (t, subject) => {
      const { files } = subject
      await files.make(place('web'), PLAIN)
      await files.make(place('web'), PLAIN)
      t.strictSame(await subject.attributes(place('web')), { uid: 0, gid: 0, mode: 0o755 })
      const given = { uid: 1000, gid: 2000, mode: 0o2770 }
      await files.make(place('db'), given)
      t.strictSame(await subject.attributes(place('db')), given)
      await files.make(place('db'), { ...given, uid: 1001 })
      t.strictSame(await subject.attributes(place('db')), { ...given, uid: 1001 })
      t.strictSame([...(await files.folders(['volumes']))].toSorted(), ['db', 'web'])
    },
  )

  await each('a folder in which there is something is not taken', async (t, subject) => {
    const { files } = subject
    await files.make(place('web'), PLAIN)
    await subject.fill(place('web'), 'data')
    await t.rejects(files.make(place('web'), { ...PLAIN, uid: 1000 }), { code: 'volume-exists' })
    t.equal((await subject.attributes(place('web'))).uid, 0)
  })

  await each('a folder is mounted, and what is in it is seen', async (t, subject) => {
    const { files } = subject
    const at = subject.at('web')
    await t.rejects(files.bind(place('web'), at), { code: 'not-mounted' }, 'there is none yet')
    await files.make(place('web'), PLAIN)
    await subject.fill(place('web'), 'data')
    await files.bind(place('web'), at)
    await files.bind(place('web'), at)
    t.strictSame(await subject.seen(at), ['data'])
    await files.make(place('db'), PLAIN)
    await files.bind(place('db'), at)
    t.strictSame(await subject.seen(at), [], 'another takes its place')
  })

  await each('a folder is moved to where nothing was, with what is in it', async (t, subject) => {
    const { files } = subject
    const parked = [...PARKED, 'data']
    t.equal(await files.move(place('web'), parked), 'gone')
    await files.make(place('web'), PLAIN)
    await subject.fill(place('web'), 'data')
    t.equal(await files.move(place('web'), parked), 'moved')
    t.equal(await files.move(place('web'), parked), 'gone')
    t.strictSame(await subject.entries(parked), ['data'])
    t.equal(await subject.entries(place('web')), undefined)
    t.equal(await files.move(parked, place('web')), 'moved')
    t.strictSame(await subject.entries(place('web')), ['data'])
  })

  await each('a folder that is mounted may be moved, and stays mounted', async (t, subject) => {
    const { files } = subject
    await files.make(place('web'), PLAIN)
    await files.bind(place('web'), subject.at('web'))
    t.equal(await files.move(place('web'), PARKED), 'moved')
    await subject.fill(PARKED, 'late')
    t.strictSame(await subject.seen(subject.at('web')), ['late'])
    await files.make(place('web'), PLAIN)
    await files.bind(place('web'), subject.at('web'))
    t.strictSame(await subject.seen(subject.at('web')), [], 'a new one takes its place')
  })

  await each('a folder is not moved onto one in which there is something', async (t, subject) => {
    const { files } = subject
    for (const name of ['web', 'db']) {
      await files.make(place(name), PLAIN)
      await subject.fill(place(name), name)
    }
    await t.rejects(files.move(place('web'), place('db')), { code: 'volume-exists' })
    t.strictSame(await subject.entries(place('web')), ['web'])
    t.strictSame(await subject.entries(place('db')), ['db'])
  })

  await each('only what is parked is destroyed', async (t, subject) => {
    const { files } = subject
    await files.make(place('web'), PLAIN)
    await subject.fill(place('web'), 'data')
    await t.rejects(files.destroy(place('web')))
    await t.rejects(files.destroy(['.berth', 'parked']))
    t.strictSame(await subject.entries(place('web')), ['data'])
    await files.move(place('web'), [...PARKED, 'data'])
    t.equal(await files.destroy(PARKED), 'gone')
    t.equal(await files.destroy(PARKED), 'gone')
    t.equal(await subject.entries(PARKED), undefined)
  })

  await each('no name leads out of it', async (t, subject) => {
    const { files } = subject
    for (const name of ['..', '.', '', '/etc', 'a/b', 'a\0b']) {
      const said = JSON.stringify(name)
      await t.rejects(files.make(['volumes', name], PLAIN), said)
      await t.rejects(files.make([name, 'web'], PLAIN), said)
      await t.rejects(files.bind([name], subject.at('web')), said)
      await t.rejects(files.move(['volumes', name], PARKED), said)
      await t.rejects(files.move(['volumes'], [...PARKED, name]), said)
      await t.rejects(files.folders([name]), said)
      await t.rejects(files.destroy([...PARKED, name]), said)
    }
    t.strictSame(await files.folders(['nothing', 'here']), [])
  })
}
