import type { Disk } from '../../volume-plugin/ssd/disk.ts'
import type { Hold } from '../../volume-plugin/ssd/disks.ts'
import { LinuxDisks } from '../../volume-plugin/ssd/linux-disks.ts'
import type { Roots } from '../../volume-plugin/ssd/sysfs.ts'

/** As far as this uses a test. */
type Test = { teardown(end: () => Promise<void>): void }

/** The disk of that name, as the kernel shows it now. */
export async function diskNamed(name: string, roots: Roots = {}): Promise<Disk> {
  const disk = (await new LinuxDisks(roots).list()).find(each => each.name === name)
  if (!disk) throw new Error(`There is no disk ${name}`)
  return disk
}

/** Held until the test ends. */
export async function held(t: Test, disk: Disk, roots: Roots = {}): Promise<Hold> {
  const hold = await new LinuxDisks(roots).hold(disk)
  if (!hold.held) throw new Error(hold.why)
  t.teardown(() => hold.release())
  return hold
}
