import { KeyedQueue } from '../../shared/keyed-queue.ts'
import type { VolumeName } from '../volume-name.ts'
import type { Claim } from './claim.ts'
import type { DiskKey } from './disk.ts'

/** One job at a time for each volume, each wipe, each disk, and for what there is once on the host. */
export class Locks {
  readonly #queue = new KeyedQueue()

  async named<T>(name: VolumeName, job: () => Promise<T>): Promise<T> {
    return await this.#queue.run(`volume ${name}`, job)
  }

  /** A disk that somebody looks at is held, and would seem to be in use to whoever chooses one. */
  async choosing<T>(job: () => Promise<T>): Promise<T> {
    return await this.#queue.run('choosing', job)
  }

  /** There is one folder to look into disks in. */
  async peeking<T>(job: () => Promise<T>): Promise<T> {
    return await this.#queue.run('peeking', job)
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
