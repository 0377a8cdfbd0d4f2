import { execFileSync, spawnSync } from 'node:child_process'
import { mounts } from './world.ts'

/**
 * Imported first, runs the test file again in a mount namespace of its own: one that others make meanwhile, as a container
 * has it, would be a copy of ours and keep our disks in use.
 */
const INSIDE = 'BERTH_OWN_MOUNTS'

if (process.env[INSIDE] === undefined && process.getuid?.() === 0) {
  const alike = [process.execPath, ...process.execArgv, ...process.argv.slice(1)]
  const alone = ['unshare', '--mount', '--propagation', 'private', ...alike]
  // It ends with this process, which cannot pass on a signal while it waits.
  const { status } = spawnSync('setpriv', ['--pdeathsig', 'TERM', ...alone], {
    env: { ...process.env, [INSIDE]: '1' },
    stdio: 'inherit',
  })
  process.exit(status ?? 1)
}

// Ours is a copy too, for a moment.
for (const { at, source } of mounts()) {
  if (source.startsWith('/dev/loop')) execFileSync('umount', ['--lazy', '--', at])
}
