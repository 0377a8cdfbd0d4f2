import { Refusal } from '../../shared/refusal.ts'
import type { Disk } from './disk.ts'

export type Labels = Readonly<Record<string, string>>

const NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/
const VALUE = /^[A-Za-z0-9._/ -]{0,63}$/

/** @throws {Refusal} `bad-request` */
export function checkLabel(name: string, value: string): void {
  if (!NAME.test(name)) {
    throw new Refusal(
      'bad-request',
      `"${name.slice(0, 100)}" is not a name for a label: 1 to 63 of a-z, 0-9, ".", "_" and "-", beginning with a letter or a digit`,
    )
  }
  if (!VALUE.test(value)) {
    throw new Refusal(
      'bad-request',
      `"${value.slice(0, 100)}" is not a value for the label ${name}: at most 63 letters, digits, spaces, ".", "_", "/" and "-"`,
    )
  }
  if (name === 'rotational' && value !== '0' && value !== '1') {
    throw new Refusal('bad-request', `The label rotational must be 0 or 1, not "${value}"`)
  }
}

/** All labels of a disk: what the kernel knows of it, and the operator's own, which win. */
export function labelsOf(disk: Disk, own: Labels): Labels {
  const { identity, transport, numaNode, isRotational } = disk
  const known = {
    model: identity.model,
    transport,
    class: classOf(transport),
    size: String(identity.size),
    numa: numaNode < 0 ? '' : String(numaNode),
    rotational: isRotational ? '1' : '0',
  }
  const automatic = Object.entries(known)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => [name, asValue(value)] as const)
  return { ...Object.fromEntries(automatic), ...own }
}

function classOf(transport: string): string {
  return transport === 'nvme' || transport === 'loop' ? transport : 'ssd'
}

/** What a disk says of itself may hold anything. */
function asValue(text: string): string {
  return text
    .replaceAll(/[^A-Za-z0-9._/ -]/g, '_')
    .slice(0, 63)
    .trim()
}

/** @returns the first label that does not match, as a sentence; undefined where all do */
export function passesOver(labels: Labels, require: Labels): string | undefined {
  for (const [name, wanted] of Object.entries(require)) {
    if (!Object.hasOwn(labels, name))
      return `it has no label ${name}, and ${name}=${wanted} is asked for`
    if (labels[name] !== wanted) return `${name} is ${labels[name]}, not ${wanted}`
  }
  return undefined
}
