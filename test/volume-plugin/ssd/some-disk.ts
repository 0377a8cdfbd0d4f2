import type { Disk, DiskIdentity } from '../../../volume-plugin/ssd/disk.ts'

type Change = Partial<Omit<Disk, 'identity'>> & { readonly identity?: Partial<DiskIdentity> }

/** A disk that nothing stands against, but for what is changed. Its name makes its identity its own. */
export function someDisk(name: string, { identity, ...change }: Change = {}): Disk {
  return {
    name,
    node: `/dev/${name}`,
    links: [`/dev/disk/by-id/ata-SSD_9_${name.toUpperCase()}`],
    device: '8:16',
    attachment: '7',
    identity: {
      wwid: '',
      serial: name.toUpperCase(),
      model: 'SSD 9',
      size: 2 ** 30,
      ...identity,
    },
    backingFile: undefined,
    transport: 'sata',
    numaNode: -1,
    isReadOnly: false,
    isRemovable: false,
    isHidden: false,
    isRotational: false,
    isZoned: false,
    state: 'running',
    holders: [],
    partitions: [],
    mountPoints: [],
    isSwap: false,
    ...change,
  }
}
