export type Manifest = { readonly [key: string]: unknown }

type Named = Manifest & { readonly name: string }

/** Lists of named entries: each part of a manifest adds its own. All other lists are replaced. */
const CONCATENATED = ['env', 'mounts']

/**
 * A plugin's manifest: what all plugins share, and its own part over it.
 *
 * @throws {Error} for a name that comes twice in `env` or in `mounts`
 */
export function mergeManifests(shared: Manifest, own: Manifest): Manifest {
  const merged: Record<string, unknown> = mergeObjects(shared, own)
  for (const list of CONCATENATED) {
    const entries = [...namedEntries(list, shared[list]), ...namedEntries(list, own[list])]
    refuseTwice(list, entries)
    if (entries.length > 0) merged[list] = entries
  }
  return merged
}

export function isManifest(value: unknown): value is Manifest {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function mergeObjects(shared: Manifest, own: Manifest): Record<string, unknown> {
  const merged: Record<string, unknown> = { ...shared }
  for (const [key, value] of Object.entries(own)) {
    const below = merged[key]
    merged[key] = isManifest(below) && isManifest(value) ? mergeObjects(below, value) : value
  }
  return merged
}

function namedEntries(list: string, value: unknown = []): readonly Named[] {
  if (Array.isArray(value) && value.every(isNamed)) return value
  throw new Error(`"${list}" of a manifest must be a list of objects that each have a name`)
}

function isNamed(value: unknown): value is Named {
  return isManifest(value) && typeof value['name'] === 'string'
}

function refuseTwice(list: string, entries: readonly Named[]): void {
  const seen = new Set<string>()
  for (const { name } of entries) {
    if (seen.has(name)) throw new Error(`"${name}" comes twice in "${list}" of the manifest`)
    seen.add(name)
  }
}
