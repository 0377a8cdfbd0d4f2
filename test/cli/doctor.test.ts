import { execFile } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import type { Test } from 'tap'
import { until } from '../engine/lab/until.ts'
import { CLUSTER, clusterRoutes } from './cluster-routes.ts'
import { World } from './world.ts'

t.setTimeout(180_000)

const run = promisify(execFile)
const MAIN = fileURLToPath(new URL('../../cli/main.ts', import.meta.url))
const SENTINEL = 'root/mnt/data/.berth/cluster.json'
const DOCTOR = ['doctor', '--root', '/mnt/data']

/** What a host's first process shows of it, where all is well but for the sentinel. */
async function makeHost(t: Test): Promise<{ folder: string; world: World }> {
  const folder = await mkdtemp(join(tmpdir(), 'berth-'))
  t.teardown(() => rm(folder, { recursive: true }))
  await mkdir(join(folder, 'root/mnt/data/.berth'), { recursive: true })
  await writeFile(
    join(folder, 'mountinfo'),
    `1 0 8:1 / / rw - ext4 /dev/sda1 rw
2 1 8:1 /mnt /mnt rw shared:2 - ext4 /dev/sda1 rw
3 2 0:40 / /mnt/data rw shared:3 - nfs4 filer:/export rw
`,
  )
  const world = World.at('nothing.sock').given({ BERTH_HOST_PROC: folder })
  return { folder, world }
}

/** Whether a process has that folder among its arguments. */
function isAsked(folder: string): boolean {
  return globSync('/proc/[0-9]*/cmdline').some(file => {
    try {
      return readFileSync(file, 'utf8').includes(folder)
    } catch {
      // It has ended meanwhile.
      return false
    }
  })
}

await t.test('a host that is ready before the plugin is there', async t => {
  const { world } = await makeHost(t)
  const { code, out, err } = await world.berth(...DOCTOR)
  t.match({ code, err }, { code: 0, err: '' })
  t.strictSame(out.split('\n'), [
    'CHECK                              STATE  FOUND',
    '/mnt is a shared mount point       ok     it is',
    '/mnt/data is mounted               ok     nfs4 from filer:/export',
    'Its type is one of CLUSTER_FSTYPE  ok     nfs4',
    'It can be written to               ok     it can',
    'It answers                         ok     it does',
    'berth cluster init was run on it   later  there is no .berth/cluster.json',
    'The plugin can use it              later  it is not there',
    '',
    'berth cluster init was run on it:',
    '  once, on one host, when the plugin is enabled: berth cluster init',
    '  if that was done on another host: this is another file system, mount the right one',
    '',
  ])
})

await t.test('the plugin is asked where CLUSTER_ROOT is, and what it sees', async t => {
  const { folder, world } = await makeHost(t)
  await writeFile(join(folder, SENTINEL), '{"cluster":"c1","later":1}')
  const plugin = await World.serve(t, clusterRoutes().routes, 'BERTH_CLUSTER_SOCKET')
  t.match(await world.beside(plugin).berth('doctor'), {
    code: 0,
    out: /^berth cluster init was run on it +ok +id c1\nThe plugin can use it +ok +it can$/m,
  })
  t.match(await world.beside(plugin).berth('doctor', '--root', '/mnt/other'), {
    code: 1,
    out: /^The plugin can use it +wrong +its CLUSTER_ROOT is \/mnt\/data$/m,
  })
  await writeFile(join(folder, SENTINEL), '{"cluster":"c2"}')
  t.match(await world.beside(plugin).berth('doctor'), {
    code: 1,
    out: /^berth cluster init .* wrong +id c2$.*^ {2}the one that hosts use has the id c1/ms,
  })
  await rm(join(folder, SENTINEL))
  t.match(await world.beside(plugin).berth('doctor'), {
    code: 1,
    out: /^berth cluster init .* wrong +there is no .*^ {2}the one that hosts use has the id c1/ms,
  })
  await writeFile(join(folder, SENTINEL), '{"cluster":"c1"}')
  const blind = await World.serve(
    t,
    { 'GET /v1/cluster': async () => ({ ...CLUSTER, ok: false, why: 'nothing is there' }) },
    'BERTH_CLUSTER_SOCKET',
  )
  t.match(await world.beside(blind).berth('doctor'), {
    code: 1,
    out: /^The plugin can use it +wrong +nothing is there\n\n.*\n  disable the plugin, and enable/m,
  })
})

await t.test('what is wrong is shown to programs as well', async t => {
  const { folder, world } = await makeHost(t)
  await writeFile(join(folder, SENTINEL), 'what?')
  const { code, out } = await world.berth(...DOCTOR, '--source', '/mnt/', '--json')
  t.equal(code, 1)
  t.match(JSON.parse(out), {
    root: '/mnt/data',
    source: '/mnt',
    checks: [{ state: 'ok' }, {}, {}, {}, {}, { state: 'wrong', todo: [/did not write/] }, {}],
  })
})

await t.test('a file system that hangs or fails is not waited for', async t => {
  const { folder, world } = await makeHost(t)
  await run('mkfifo', [join(folder, SENTINEL)])
  const started = performance.now()
  t.match(await world.berth(...DOCTOR), { code: 1, out: /^It answers +wrong +not within 5 s$/m })
  t.ok(performance.now() - started < 15_000)
  await until('nobody to read it any more', 5000, () => !isAsked(folder))
  await rm(join(folder, SENTINEL))
  await mkdir(join(folder, SENTINEL))
  t.match(await world.berth(...DOCTOR), { code: 1, out: /^It answers +wrong +EISDIR/m })
})

await t.test('settings of the plugin stand for what is not said', async t => {
  const { world } = await makeHost(t)
  const given = world.given({
    BERTH_CLUSTER_ROOT: '/mnt/data',
    BERTH_CLUSTER_SOURCE: '/srv',
    BERTH_CLUSTER_FSTYPE: 'ceph',
  })
  t.match(await given.berth('doctor'), { code: 1, out: /^\/mnt\/data is below .* \/srv +wrong/m })
  t.match(await given.berth('doctor', '--source', '/mnt'), {
    code: 1,
    out: /^Its type .* wrong +nfs4; allowed are ceph$/m,
  })
})

const why = process.getuid?.() === 0 ? false : 'mounts need root'
await t.test(
  'what it says is to be done helps, on a private and a shared root',
  { skip: why },
  async t => {
    for (const propagation of ['private', 'shared']) {
      const folder = await mkdtemp(join(tmpdir(), 'berth-'))
      t.teardown(() => rm(folder, { recursive: true }))
      // All of it is in mounts of a namespace of its own, and goes with it.
      const script = `set -eu
mount -t tmpfs berth-test "$FOLDER"; mount --make-${propagation} "$FOLDER"
mkdir -p "$FOLDER/source/data"
export BERTH_ENGINE_ROOT="$FOLDER"
mount -t tmpfs berth-test "$FOLDER/source/data"; touch "$FOLDER/source/data/there"
doctor() { "$NODE" "$MAIN" doctor --root "$FOLDER/source/data" --source "$FOLDER/source" --fstype tmpfs; }
doctor >"$FOLDER/before" 2>/dev/null && echo 'it was content before'
sed -n 's/^  mount --/mount --/p' "$FOLDER/before" >"$FOLDER/todo"
test "$(wc -l <"$FOLDER/todo")" = 2
. "$FOLDER/todo"
doctor
ls "$FOLDER/source/data"
umount "$FOLDER/source/data"
doctor 2>&1 && echo 'it was content while nothing was mounted'
mount -t tmpfs berth-test "$FOLDER/source/data"
doctor
umount "$FOLDER/source/data"; umount "$FOLDER/source"
sed -n 's/.*fstab.*: //p' "$FOLDER/before" >"$FOLDER/fstab"
mount --fstab "$FOLDER/fstab" --all
doctor || true`
      const env = {
        PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
        FOLDER: folder,
        MAIN,
        NODE: process.execPath,
      }
      const { stdout } = await run(
        'unshare',
        ['--mount', '--propagation', 'private', 'bash', '-c', script],
        { env },
      )
      const source = `${folder}/source is a shared mount point`
      const found = stdout
        .split('\n')
        .filter(line => / is mounted  |^there$|before/.test(line) || line.startsWith(source))
      t.match(
        found.map(line => line.replaceAll(folder, '').replaceAll(/ +/g, ' ')),
        [
          '/source is a shared mount point ok it is',
          '/source/data is mounted ok tmpfs from berth-test',
          'there',
          '/source is a shared mount point ok it is',
          /^\/source\/data is mounted wrong/,
          '/source is a shared mount point ok it is',
          '/source/data is mounted ok tmpfs from berth-test',
          '/source is a shared mount point ok it is',
          /^\/source\/data is mounted/,
        ],
        propagation,
      )
    }
  },
)
