import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Fingerprint } from './host.ts'

/** The kernel's `addr_assign_type` for an address that the device was made with, not given or drawn at random. */
const PERMANENT = '0'

/** @param sys where sysfs is */
export async function readFingerprint(sys = '/sys'): Promise<Fingerprint> {
  const product = await text(join(sys, 'class/dmi/id/product_uuid'))
  const net = join(sys, 'class/net')
  const names = await readdir(net).catch(() => [])
  const macs = await Promise.all(names.map(name => permanentMac(join(net, name))))
  return { product: product.toLowerCase(), macs: macs.filter(mac => mac !== '').toSorted() }
}

/**
 * Whether both may be of one machine: the same product, and of the hardware addresses at least one, since interfaces
 * come and go. What one of them does not know says nothing.
 */
export function isSameMachine(before: Fingerprint, now: Fingerprint): boolean {
  const sameProduct = !before.product || !now.product || before.product === now.product
  const isUnknown = before.macs.length === 0 || now.macs.length === 0
  return sameProduct && (isUnknown || before.macs.some(mac => now.macs.includes(mac)))
}

/** Of a device of the hardware: bridges and tunnels have none, and the loopback has zeros. */
async function permanentMac(folder: string): Promise<string> {
  const isPermanent = (await text(join(folder, 'addr_assign_type'))) === PERMANENT
  const mac = await text(join(folder, 'address'))
  return isPermanent && /[1-9a-f]/.test(mac) ? mac : ''
}

async function text(file: string): Promise<string> {
  return (await readFile(file, 'utf8').catch(() => '')).trim()
}
