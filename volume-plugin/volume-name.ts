import { Refusal } from '../shared/refusal.ts'

declare const brand: unique symbol
export type VolumeName = string & { readonly [brand]: 'VolumeName' }

const VALID = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/

/** The engine checks no name for a plugin: `../x` and names with line feeds arrive here. */
export function volumeName(text: string): VolumeName | undefined {
  return VALID.test(text) && !text.endsWith('\n') ? (text as VolumeName) : undefined
}

/** @throws {Refusal} `bad-request` */
export function requireVolumeName(text: string): VolumeName {
  const name = volumeName(text)
  if (name !== undefined) return name
  throw new Refusal(
    'bad-request',
    `${JSON.stringify(text.slice(0, 200))} is not a name for a volume: 1 to 128 letters, digits, ".", "_" and "-", beginning with a letter or a digit`,
  )
}

/** The engine names volumes that nobody named with 64 hexadecimal digits. */
export const isAnonymous = (name: VolumeName): boolean => /^[0-9a-f]{64}$/.test(name)
