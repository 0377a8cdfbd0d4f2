import { KeyedQueue } from '../../shared/keyed-queue.ts'
import type { VolumeName } from '../volume-name.ts'
import type { Claim } from './claim.ts'

/** One job at a time for each volume, and for each disk that is no volume's. */
export class Locks {
  readonly #queue = new KeyedQueue()

  async named<T>(name: VolumeName, job: () => Promise<T>): Promise<T> {
    return await this.#queue.run(name, job)
  }

  async of<T>({ volume, key }: Claim, job: () => Promise<T>): Promise<T> {
    return await this.#queue.run(volume?.name ?? key, job)
  }
}
