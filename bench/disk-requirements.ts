import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { BERTH_SSD } from '../test/engine/lab/plugin.ts'
import { REPOSITORY } from '../test/engine/lab/releases.ts'
import { whyNoEngines } from '../test/engine/lab/requirements.ts'
import { CommandFailed, run } from '../test/engine/lab/run.ts'

const FOLDERS = ['/usr/sbin', '/sbin', '/usr/bin', '/bin']

/** Each with the package of Debian that has it. */
export const DISK_TOOLS = { losetup: 'mount', 'mkfs.xfs': 'xfsprogs', blkdiscard: 'util-linux' }
export const FIO = { fio: 'fio' }

/** Why disks cannot be measured on this machine, and what would help; undefined where they can. */
export function whyNoDisks(tools: Readonly<Record<string, string>>): string | undefined {
  if (process.getuid?.() !== 0) return 'it needs root: run it with sudo'
  if (!existsSync('/dev/loop-control')) return 'it needs loop devices: modprobe loop'
  const missing = Object.keys(tools).filter(tool => !pathOf(tool))
  if (missing.length === 0) return undefined
  const packages = missing.map(tool => tools[tool]).join(' ')
  return `it needs ${missing.join(', ')}: apt-get install ${packages}`
}

/** Why a container's volume cannot be measured; undefined where it can. */
export async function whyNoContainers(): Promise<string | undefined> {
  return whyNoDisks(FIO) ?? (await whyNoEngines()) ?? (await whyNotBuilt())
}

/** What is measured is what the checkout has. */
async function whyNotBuilt(): Promise<string | undefined> {
  const help = 'node test/engine/build-plugin.ts builds it'
  if (!existsSync(BERTH_SSD.built)) return `the plugin is not built: ${help}`
  for (const part of ['shared', 'volume-plugin']) {
    const built = join(BERTH_SSD.built, 'rootfs/berth', part)
    try {
      await run('diff', ['--recursive', '--brief', built, join(REPOSITORY, part)])
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error
      return `the plugin was built from another ${part}: ${help}`
    }
  }
  return undefined
}

/** Undefined where it is not installed. */
export function pathOf(tool: string): string | undefined {
  return FOLDERS.map(folder => `${folder}/${tool}`).find(path => existsSync(path))
}
