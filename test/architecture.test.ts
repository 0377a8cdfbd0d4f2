import { globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'

const ROOT = join(import.meta.dirname, '..')

/** Parts of the program that ship; tests, measurements and packaging stand on them, never the other way round. */
const SHIPPED = ['shared', 'ipam-plugin', 'volume-plugin', 'cli']

/** Concrete stores, and this host's disks: they may import each other; of the rest, only `main.ts` names one. */
const CONCRETE = /\/(level|etcd|linux)-(?!settings|options)[a-z-]+\.ts$/

/** Answers depend on arguments alone: no clock of their own, no state, no input or output. */
const PURE = [
  'cli/host-mounts.ts',
  'cli/table.ts',
  'cli/words.ts',
  'ipam-plugin/addresses.ts',
  'ipam-plugin/automatic-pools.ts',
  'ipam-plugin/exclusions.ts',
  'shared/host.ts',
  'ipam-plugin/keys.ts',
  'ipam-plugin/notes.ts',
  'ipam-plugin/options.ts',
  'ipam-plugin/pool-changes.ts',
  'ipam-plugin/pool-id.ts',
  'ipam-plugin/records.ts',
  'ipam-plugin/sentences.ts',
  'ipam-plugin/standing.ts',
  'ipam-plugin/window.ts',
  'ipam-plugin/wire.ts',
  'shared/cluster-types.ts',
  'shared/duration.ts',
  'shared/host.ts',
  'shared/mountinfo.ts',
  'shared/refusal.ts',
  'shared/settings.ts',
  'shared/store.ts',
  'volume-plugin/cluster/cluster-book.ts',
  'volume-plugin/cluster/cluster-files.ts',
  'volume-plugin/cluster/cluster-keys.ts',
  'volume-plugin/cluster/cluster-options.ts',
  'volume-plugin/cluster/cluster-records.ts',
  'volume-plugin/cluster/place.ts',
  'volume-plugin/cluster/root.ts',
  'volume-plugin/cluster/standing.ts',
  'volume-plugin/cluster/volume-changes.ts',
  'volume-plugin/cluster/volume-record.ts',
  'volume-plugin/option-values.ts',
  'volume-plugin/record-values.ts',
  'volume-plugin/ssd/claim-book.ts',
  'volume-plugin/ssd/claim-records.ts',
  'volume-plugin/ssd/claim.ts',
  'volume-plugin/ssd/disk-labels.ts',
  'volume-plugin/ssd/disk.ts',
  'volume-plugin/ssd/disks.ts',
  'volume-plugin/ssd/eligibility.ts',
  'volume-plugin/ssd/fitting.ts',
  'volume-plugin/ssd/mark.ts',
  'volume-plugin/ssd/mounts.ts',
  'volume-plugin/ssd/option-lists.ts',
  'volume-plugin/ssd/options.ts',
  'volume-plugin/ssd/policy.ts',
  'volume-plugin/ssd/recovery.ts',
  'volume-plugin/ssd/sentences.ts',
  'volume-plugin/ssd/sizes.ts',
  'volume-plugin/ssd/superblock.ts',
  'volume-plugin/volume-name.ts',
  'volume-plugin/volumes.ts',
  'volume-plugin/wire.ts',
]
/** The files of the command line that say what may be typed. */
const COMMANDS = [
  'cli/addresses.ts',
  'cli/cluster.ts',
  'cli/context.ts',
  'cli/disk.ts',
  'cli/disks.ts',
  'cli/doctor.ts',
  'cli/host.ts',
  'cli/hosts.ts',
  'cli/main.ts',
  'cli/pools.ts',
  'cli/recovery.ts',
  'cli/status.ts',
  'cli/volume.ts',
]
/** Packages that are as pure: address parsing, the decoder of records and of the wire, and what Node computes. */
const PURE_PACKAGES = ['ip-address', '@badrap/valita', 'node:crypto', 'node:path', 'node:zlib']
/** What pure packages, and the language, have that is not. */
const IMPURE_CALL = /\b(?:(?:random\w*|Date\.now|performance|process)\(?[.(]|new Date\(\))/

type Import = {
  readonly from: string
  /** A path from the root for a file of ours, else the package as written. */
  readonly to: string
  readonly written: string
  readonly typeOnly: boolean
}

const files = globSync('{shared,ipam-plugin,volume-plugin,cli,scripts,bench,test}/**/*.ts', {
  cwd: ROOT,
}).toSorted()
const imports = files.flatMap(importsOf)
const shipped = imports.filter(({ from }) => SHIPPED.includes(partOf(from)))

await t.test('the files and their imports are found', t => {
  t.ok(files.includes('ipam-plugin/main.ts') && files.includes('test/architecture.test.ts'))
  t.ok(has('ipam-plugin/driver.ts', 'ipam-plugin/wire.ts'))
  t.ok(has('ipam-plugin/addresses.ts', 'ip-address'))
  t.strictSame(
    PURE.filter(file => !files.includes(file)),
    [],
    'every file named here is there',
  )
  t.end()
})

await t.test('every relative import ends in .ts and names a file that is there', t => {
  const [version, ...more] = imports.filter(({ to }) => to === 'package.json')
  t.match([version?.from, more], ['shared/version.ts', []], 'but for the version, from one place')
  t.strictSame(
    shown(
      imports.filter(
        ({ to, written }) =>
          written.startsWith('.') &&
          to !== 'package.json' &&
          !(written.endsWith('.ts') && files.includes(to)),
      ),
    ),
    [],
  )
  t.end()
})

await t.test(
  'shared imports no plugin, and no plugin another; nothing that ships imports a test',
  t => {
    t.strictSame(
      shown(
        shipped.filter(({ from, to }) => files.includes(to) && !mayUse(partOf(from), partOf(to))),
      ),
      [],
    )
    t.end()
  },
)

await t.test('only main names a concrete store', t => {
  t.strictSame(
    shown(
      shipped.filter(
        ({ from, to }) => CONCRETE.test(to) && !CONCRETE.test(from) && !from.endsWith('/main.ts'),
      ),
    ),
    [],
  )
  t.end()
})

await t.test('a package that does input or output is known to few files', t => {
  for (const [name, users] of [
    ['level', ['shared/level-database.ts']],
    ['express', ['shared/admin-server.ts', 'shared/plugin-server.ts']],
    [
      'pino',
      [
        'ipam-plugin/plugin.ts',
        'shared/log.ts',
        'shared/plugin-server.ts',
        'volume-plugin/cluster/main.ts',
        'volume-plugin/plugin.ts',
        'volume-plugin/ssd/main.ts',
      ],
    ],
    ['ip-address', ['ipam-plugin/addresses.ts']],
    ['etcd3/lib/connection-pool.js', ['shared/etcd-connection.ts']],
    ['commander', COMMANDS],
  ] as const) {
    const found = shipped.filter(({ to }) => to === name).map(({ from }) => from)
    t.strictSame([...new Set(found)], users, name)
  }
  t.end()
})

await t.test('imports run one way: main, plugin, driver, and what they stand on', t => {
  t.strictSame(importersOf('ipam-plugin/main.ts'), [])
  t.strictSame(importersOf('ipam-plugin/plugin.ts'), ['ipam-plugin/main.ts'])
  t.strictSame(importersOf('ipam-plugin/driver.ts'), ['ipam-plugin/plugin.ts'])
  t.strictSame(importersOf('ipam-plugin/wire.ts'), ['ipam-plugin/driver.ts'])
  t.strictSame(importersOf('ipam-plugin/settings.ts'), ['ipam-plugin/main.ts'])
  t.strictSame(cycle(shipped), undefined)
  t.end()
})

await t.test('pure files run nothing but each other', t => {
  t.strictSame(shown(impure(shipped.filter(({ typeOnly }) => !typeOnly))), [])
  t.end()
})

await t.test('pure files need to be read beside nothing but each other', t => {
  t.strictSame(shown(impure(shipped)), [])
  t.end()
})

await t.test('pure files read no clock and draw no numbers', t => {
  t.strictSame(
    PURE.filter(file => IMPURE_CALL.test(readFileSync(join(ROOT, file), 'utf8'))),
    [],
  )
  t.end()
})

await t.test('what is not allowed would be found', t => {
  const bad = (from: string, line: string) => read(from, line)
  t.match(bad('shared/a.ts', "import { x } from '../ipam-plugin/driver.ts'"), [
    { to: 'ipam-plugin/driver.ts', typeOnly: false },
  ])
  t.match(bad('shared/a.ts', "export type { x } from './b'"), [{ to: 'shared/b', typeOnly: true }])
  t.match(bad('shared/a.ts', "import {\n  x,\n  type y,\n} from 'level'"), [{ to: 'level' }])
  t.match(bad('shared/a.ts', "  const { x } = await import('../shared/store.ts')"), [
    { to: 'shared/store.ts' },
  ])
  t.match(bad('shared/a.ts', "import './b.ts'"), [{ to: 'shared/b.ts', typeOnly: false }])
  t.notOk(mayUse('shared', 'ipam-plugin'))
  t.notOk(mayUse('ipam-plugin', 'volume-plugin'))
  t.notOk(mayUse('ipam-plugin', 'test'))
  const edge = (from: string, to: string) => ({ from, to, written: to, typeOnly: false })
  t.strictSame(cycle([edge('a', 'b'), edge('b', 'c'), edge('c', 'a')]), ['a', 'b', 'c', 'a'])
  t.match(impure([edge('ipam-plugin/addresses.ts', 'node:fs')]), [{ to: 'node:fs' }])
  t.end()
})

function importsOf(file: string): Import[] {
  return read(file, readFileSync(join(ROOT, file), 'utf8'))
}

function read(from: string, text: string): Import[] {
  const pattern =
    /^(?:import|export)\s+(?<type>type\s)?(?:[^'"`;]*?\sfrom\s+)?'(?<static>[^']+)'|\bimport\('(?<dynamic>[^']+)'\)/gm
  return Array.from(text.matchAll(pattern), ({ groups }) => {
    const written = groups?.['static'] ?? groups?.['dynamic'] ?? ''
    const to = written.startsWith('.') ? join(dirname(from), written) : written
    return { from, to, written, typeOnly: groups?.['type'] !== undefined }
  })
}

function partOf(file: string): string {
  return file.split('/')[0] ?? ''
}

function mayUse(part: string, other: string): boolean {
  return other === part || other === 'shared'
}

function has(from: string, to: string): boolean {
  return imports.some(one => one.from === from && one.to === to)
}

function importersOf(file: string): string[] {
  return [...new Set(shipped.filter(({ to }) => to === file).map(({ from }) => from))]
}

function impure(of: readonly Import[]): Import[] {
  return of.filter(
    ({ from, to }) => PURE.includes(from) && ![...PURE, ...PURE_PACKAGES].includes(to),
  )
}

/** The files of a cycle, from one back to itself; undefined where there is none. */
function cycle(of: readonly Import[]): string[] | undefined {
  const clear = new Set<string>()
  const search = (file: string, path: readonly string[]): string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file]
    if (clear.has(file)) return undefined
    for (const { to } of of.filter(({ from }) => from === file)) {
      const found = search(to, [...path, file])
      if (found) return found
    }
    clear.add(file)
    return undefined
  }
  for (const { from } of of) {
    const found = search(from, [])
    if (found) return found
  }
  return undefined
}

function shown(of: readonly Import[]): string[] {
  return of.map(({ from, written }) => `${from} imports ${written}`)
}
