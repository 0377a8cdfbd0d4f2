import { clusterVolumes } from './cluster-answers.ts'
import type { ClusterVolume } from './cluster-answers.ts'
import type { Context } from './context.ts'
import { Failure } from './failure.ts'
import { meantBy } from './meant.ts'

/** Several removed volumes may have the name, and one that is in use as well. */
type Preference = 'removed' | 'in use'

const isRemoved = ({ parked }: ClusterVolume): boolean => parked !== undefined

/**
 * The only volume with that id, or that name, or whose id begins so; of those with the name, the preferred.
 *
 * @param isWhole the beginning of an id is not enough: nobody is asked whether that one is meant
 * @throws {Failure} where none or several could be meant
 */
export async function findVolume(
  { api }: Context,
  wanted: string,
  preference: Preference,
  isWhole = false,
): Promise<ClusterVolume> {
  const { stale, volumes } = await api.get('/v1/volumes', clusterVolumes)
  const meant = findVolumes(volumes, wanted, isWhole)
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

/** As in the names of folders. A shorter word may be meant as a name that is not there. */
const LEAST_DIGITS = 8

/** All that could be meant; see `meantBy`. */
export function findVolumes(
  all: readonly ClusterVolume[],
  wanted: string,
  isWhole = false,
): readonly ClusterVolume[] {
  const least = isWhole ? undefined : LEAST_DIGITS
  return meantBy(all, wanted, { id: each => each.id, name: each => each.name, least })
}
