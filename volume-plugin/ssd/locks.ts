import { KeyedQueue } from '../../shared/keyed-queue.ts'
import type { VolumeName } from '../volume-name.ts'
import type { Claim } from './claim.ts'
import type { DiskKey } from './disk.ts'

/** One job at a time for each volume, each wipe and each disk. */
export class Locks {
  readonly #queue = new KeyedQueue()

  async named<T>(name: VolumeName, job: () => Promise<T>): Promise<T> {
    return await this.#queue.run(`volume ${name}`, job)
  }

  async disk<T>(key: DiskKey, job: () => Promise<T>): Promise<T> {
    return await this.#queue.run(`disk ${key}`, job)
  }

  /** A claim that is being wiped, which may take hours, has no name any more. */
  async of<T>({ id, volume, state }: Claim, job: () => Promise<T>): Promise<T> {
    if (volume && state.is !== 'wiping') return await this.named(volume.name, job)
    return await this.#queue.run(`claim ${id}`, job)
  }
}
