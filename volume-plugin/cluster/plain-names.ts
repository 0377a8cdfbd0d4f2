import { Refusal } from '../../shared/refusal.ts'

/**
 * Nothing that would lead elsewhere than into a folder, whoever made the place.
 *
 * @throws {Refusal} `not-mounted`
 */
export function requirePlain(name: string): string {
  const isPlain = name !== '' && name !== '.' && name !== '..' && !/[/\0]/.test(name)
  if (isPlain) return name
  throw new Refusal('not-mounted', `${JSON.stringify(name)} is no name of a folder`)
}
