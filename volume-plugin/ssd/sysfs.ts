import { readdir, readFile, realpath } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { isSystemError } from '../../shared/system-error.ts'
import type { Disk, DiskIdentity } from './disk.ts'

/** Where the kernel shows itself; elsewhere in tests alone. */
export type Roots = {
  readonly sysRoot?: string
  readonly devRoot?: string
  readonly procRoot?: string
}

const SECTOR = 512
/** How drivers say that they have no such attribute, or the kernel that the disk went. */
const ABSENT = ['ENOENT', 'ENOTDIR', 'ENODEV', 'ENXIO', 'EINVAL', 'EOPNOTSUPP', 'EISDIR']

/** What sysfs alone tells of a disk. */
export type SysfsDisk = Omit<Disk, 'links' | 'mountPoints' | 'isSwap'> & {
  /** Of the whole disk and of its partitions, major and minor number. */
  readonly devices: readonly string[]
}

/** @returns undefined for what is no disk, or no longer there: a loop device without a file, memory without a size */
export async function readSysfsDisk(
  name: string,
  { sysRoot = '/sys', devRoot = '/dev' }: Roots,
): Promise<SysfsDisk | undefined> {
  const folder = join(sysRoot, 'block', name)
  const text = (file: string) => readText(join(folder, file))
  const device = await text('dev')
  const backingFile = (await text('loop/backing_file')) || undefined
  const size = Number(await text('size')) * SECTOR
  if (device === '' || isUnused(name, backingFile, size)) return undefined
  const partitions = await partitionsOf(folder)
  const path = await realpath(join(folder, 'device')).catch(() => '')
  return {
    name,
    node: join(devRoot, name),
    device,
    attachment: (await text('diskseq')) || undefined,
    identity: await readIdentity(folder, backingFile, size),
    backingFile,
    transport: transportOf(name, path),
    numaNode: await numaNodeOf(path, sysRoot),
    isReadOnly: (await text('ro')) === '1',
    isRemovable: (await text('removable')) === '1',
    isHidden: (await text('hidden')) === '1',
    isRotational: (await text('queue/rotational')) === '1',
    isZoned: !['', 'none'].includes(await text('queue/zoned')),
    state: await text('device/state'),
    holders: await listOf(join(folder, 'holders')),
    partitions,
    devices: [device, ...(await Promise.all(partitions.map(each => text(`${each}/dev`))))],
  }
}

async function readIdentity(
  folder: string,
  backingFile: string | undefined,
  size: number,
): Promise<DiskIdentity> {
  const text = (file: string) => readText(join(folder, file))
  return {
    wwid: (await text('wwid')) || (await text('device/wwid')),
    serial: backingFile === undefined ? await serialOf(folder) : serialOfLoop(backingFile),
    model: await text('device/model'),
    size,
  }
}

/** A file that was deleted may have a namesake by now. */
function serialOfLoop(backingFile: string): string {
  return backingFile.endsWith(' (deleted)') ? '' : `loop:${backingFile}`
}

async function serialOf(folder: string): Promise<string> {
  const told =
    (await readText(join(folder, 'device/serial'))) || (await readText(join(folder, 'serial')))
  return told || decodeSerialPage(await readBytes(join(folder, 'device/vpd_pg80')))
}

/** SCSI's page of vital product data with the unit's serial number: four bytes of head, of which the last two are its length. */
export function decodeSerialPage(page: Buffer): string {
  if (page.length < 4 || page[1] !== 0x80) return ''
  const serial = page.subarray(4, 4 + page.readUInt16BE(2)).toString('latin1')
  return serial.replaceAll('\0', '').trim()
}

function isUnused(name: string, backingFile: string | undefined, size: number): boolean {
  if (/^loop\d+$/.test(name)) return backingFile === undefined
  return /^z?ram\d+$/.test(name) && size === 0
}

async function partitionsOf(folder: string): Promise<readonly string[]> {
  const entries = await orAbsent(readdir(folder, { withFileTypes: true }), [])
  const names = entries.filter(each => each.isDirectory()).map(({ name }) => name)
  const numbers = await Promise.all(names.map(name => readText(join(folder, name, 'partition'))))
  return names.filter((_, index) => numbers[index] !== '').toSorted()
}

function transportOf(name: string, path: string): string {
  if (name.startsWith('nvme')) return 'nvme'
  if (name.startsWith('loop')) return 'loop'
  if (/\/usb\d/.test(path)) return 'usb'
  if (/\/virtio\d/.test(path)) return 'virtio'
  if (/\/ata\d/.test(path)) return 'sata'
  return /\/(end_device-|sas_)/.test(path) ? 'sas' : ''
}

/** The nearest device above the disk that tells it: of most, the controller. */
async function numaNodeOf(path: string, sysRoot: string): Promise<number> {
  for (let at = path; at.length > sysRoot.length; at = dirname(at)) {
    const text = await readText(join(at, 'numa_node'))
    if (text !== '') return Number(text)
  }
  return -1
}

/** The names in a folder; none where it is not there. */
export async function listOf(folder: string): Promise<readonly string[]> {
  return (await orAbsent<readonly string[]>(readdir(folder), [])).toSorted()
}

/** Empty where it is not there: which files there are differs from driver to driver. */
async function readText(file: string): Promise<string> {
  return (await readBytes(file)).toString('utf8').replaceAll('\0', '').trim()
}

async function readBytes(file: string): Promise<Buffer> {
  return await orAbsent(readFile(file), Buffer.alloc(0))
}

/** Any other error is thrown: of what is read in part, an identity is another one and an obstacle none. */
async function orAbsent<T>(reading: Promise<T>, absent: T): Promise<T> {
  try {
    return await reading
  } catch (error) {
    if (ABSENT.some(code => isSystemError(error, code))) return absent
    throw error
  }
}
