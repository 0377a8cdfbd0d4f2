import { basename, dirname, join } from 'node:path'

/** In the stand of each volume; see mount-stand. */
const FOLDER = 'data'

/** Where a volume is mounted. @param root for all of them */
export const mountPath = (root: string, name: string): string => join(root, name, FOLDER)

/** The reverse of `mountPath`; undefined for any other path. */
export function nameOfMount(root: string, at: string): string | undefined {
  const stand = dirname(at)
  return basename(at) === FOLDER && dirname(stand) === root ? basename(stand) : undefined
}
