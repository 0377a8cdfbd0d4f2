import { clusterVolumes } from './cluster-answers.ts'
import type { ClusterVolume } from './cluster-answers.ts'
import type { Context } from './context.ts'
import { Failure } from './failure.ts'

/** Several removed volumes may have the name, and one that is in use as well. */
type Preference = 'removed' | 'in use'

const isRemoved = ({ parked }: ClusterVolume): boolean => parked !== undefined

/**
 * The only volume with that id, or that name, or whose id begins so; of those with the name, the preferred.
 *
 * @throws {Failure} where none or several could be meant
 */
export async function findVolume(
  { api }: Context,
  wanted: string,
  preference: Preference,
): Promise<ClusterVolume> {
  const { stale, volumes } = await api.get('/v1/volumes', clusterVolumes)
  const meant = findVolumes(volumes, wanted)
  const preferred = meant.filter(each => isRemoved(each) === (preference === 'removed'))
  const left = preferred.length > 0 ? preferred : meant
  const [volume, ...others] = left
  if (volume && others.length === 0) return volume
  if (volume) {
    const ids = left.map(({ id, name, state, created }) => `${id} (${name}, ${state}, ${created})`)
    throw new Failure(`"${wanted}" may be any of ${ids.join(', ')}: name it by its id`)
  }
  const unsure = stale ? '; the store does not answer, so others may have one' : ''
  throw new Failure(`There is no volume ${wanted} in the cluster${unsure}`)
}

/** All that could be meant: by the id, else by the name, else by the beginning of the id. */
export function findVolumes(
  all: readonly ClusterVolume[],
  wanted: string,
): readonly ClusterVolume[] {
  const ways = [
    all.filter(({ id }) => id === wanted),
    all.filter(({ name }) => name === wanted),
    all.filter(({ id }) => id.startsWith(wanted)),
  ]
  return ways.find(meant => meant.length > 0) ?? []
}
