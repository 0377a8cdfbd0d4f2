import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { LoopDisk } from './loop-disk.ts'

/** As far as this uses a test. */
type Test = { teardown(end: () => void): void }

/** What a disk says of itself. Files by their path below the disk's folder in sysfs; empty ones are left out. */
export type FakeDisk = {
  readonly wwid?: string
  readonly serial?: string
  readonly model?: string
  /** More files, or others: `removable`, `queue/rotational`, `device/state`. */
  readonly files?: Readonly<Record<string, string>>
}

/**
 * Folders in the place of `/sys` and `/dev` that show loop devices as real disks. Size, number, attachment and whether it can
 * be written stay the loop device's own, as they are at each moment.
 */
export class FakeSysfs {
  readonly sysRoot: string
  readonly devRoot: string

  private constructor(folder: string) {
    this.sysRoot = join(folder, 'sys')
    this.devRoot = join(folder, 'dev')
  }

  static create(t: Test): FakeSysfs {
    const folder = mkdtempSync(join(tmpdir(), 'berth-sysfs-'))
    t.teardown(() => rmSync(folder, { recursive: true, force: true }))
    const fake = new FakeSysfs(folder)
    mkdirSync(join(fake.sysRoot, 'block'), { recursive: true })
    mkdirSync(join(fake.devRoot, 'disk/by-id'), { recursive: true })
    return fake
  }

  /** Shows the loop device as `sdy` (SATA) or `nvme0n1`, and nowhere else: a disk has one name at a time. */
  show(loop: LoopDisk, name: string, { wwid, serial, model, files }: FakeDisk = {}): string {
    const folder = join(this.sysRoot, 'block', name)
    const isNvme = name.startsWith('nvme')
    const device = join(
      this.sysRoot,
      'devices',
      isNvme ? 'pci0/nvme/nvme0' : 'pci0/ata1/host0',
      name,
    )
    mkdirSync(join(folder, 'holders'), { recursive: true })
    mkdirSync(device, { recursive: true })
    symlinkSync(device, join(folder, 'device'))
    for (const own of ['size', 'dev', 'diskseq', 'ro']) {
      symlinkSync(`/sys/block/${loop.name}/${own}`, join(folder, own))
    }
    const all = {
      removable: '0',
      hidden: '0',
      'queue/rotational': '0',
      'queue/zoned': 'none',
      'device/state': isNvme ? 'live' : 'running',
      'device/numa_node': '0',
      'device/model': model ?? 'Lab SSD 1000',
      [isNvme ? 'wwid' : 'device/wwid']: wwid ?? `naa.5000c500${loop.name}`,
      'device/serial': serial ?? `SER-${loop.name}`,
      ...files,
    }
    for (const [file, text] of Object.entries(all).filter(([, text]) => text !== '')) {
      mkdirSync(dirname(join(folder, file)), { recursive: true })
      writeFileSync(join(folder, file), `${text}\n`)
    }
    return this.#makeNode(loop, name)
  }

  /** It was pulled out, or has another name from now on. */
  hide(name: string): void {
    rmSync(join(this.sysRoot, 'block', name), { recursive: true })
    rmSync(join(this.devRoot, name))
  }

  /** A symbolic link such as udev makes, below `disk/by-id`. */
  link(name: string, link: string): string {
    const path = join(this.devRoot, 'disk/by-id', link)
    symlinkSync(`../../${name}`, path)
    return path
  }

  #makeNode(loop: LoopDisk, name: string): string {
    const node = join(this.devRoot, name)
    execFileSync('/usr/bin/mknod', [node, 'b', ...loop.device.split(':')])
    return node
  }
}
