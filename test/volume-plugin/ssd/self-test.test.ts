import { chmodSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { canUseDisks } from '../../disks/requirements.ts'
import { selfTest } from '../../../volume-plugin/ssd/self-test.ts'

const TOOLS = {
  '/usr/bin': ['mount', 'umount', 'flock'],
  '/usr/sbin': ['blkid', 'wipefs', 'blkdiscard', 'blockdev', 'mkfs.xfs'],
}

if (canUseDisks()) {
  await t.test('the tools of this machine will do, and nothing is left of the test', async t => {
    t.equal(await selfTest(), undefined)
    t.equal(await selfTest(tools(t)), undefined)
    t.strictSame(
      readdirSync(tmpdir()).filter(name => name.startsWith('berth-self-test-')),
      [],
    )
  })

  await t.test('each tool that is missing is named', async t => {
    for (const tool of Object.values(TOOLS).flat()) {
      const path = tools(t)
      rmSync(join(path, tool))
      t.match(await selfTest(path), tool)
    }
  })

  for (const [what, tool, script, said] of [
    ['sees nothing where XFS is', 'blkid', 'exit 2', /blkid of XFS ended with 2/],
    ['finds something on a blank file', 'blkid', 'echo TYPE=xfs', /blkid of a blank file/],
    ['sees nothing to wipe', 'wipefs', `echo '{"signatures":[]}'`, /does not see XFS/],
    ['overwrites without being forced', 'mkfs.xfs', 'exec /usr/sbin/mkfs.xfs -f "$@"', /unforced/],
    ['knows no such option', 'mkfs.xfs', 'echo unknown >&2; exit 1', /mkfs.xfs ended .* unknown/],
  ] as const) {
    await t.test(`a ${tool} that ${what} is told`, async t => {
      const path = tools(t)
      rmSync(join(path, tool))
      const version = 'case "$1" in --version | -V) exit 0 ;; esac'
      writeFileSync(join(path, tool), `#!/bin/sh\n${version}\n${script}\n`)
      chmodSync(join(path, tool), 0o755)
      t.match(await selfTest(path), said)
    })
  }
}

/** A folder with all tools, of which a test may change some. */
function tools(t: Test): string {
  const path = join(t.testdir(), `tools-${Math.random()}`)
  mkdirSync(path)
  for (const [folder, names] of Object.entries(TOOLS)) {
    for (const name of names) symlinkSync(join(folder, name), join(path, name))
  }
  return path
}
