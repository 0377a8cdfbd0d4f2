import type { Test } from 'tap'
import { Refusal } from '../../../../shared/refusal.ts'
import type { Random } from '../../../history/random.ts'
import { hostsOf } from '../host.ts'
import type { Host } from '../host.ts'

/** Hosts that mount one exclusive volume, and a store that is set back now and then; then all adopt before anything starts. */
export class SetBacks {
  readonly #random: Random
  readonly #hosts: readonly Host[]
  /** On which host each container runs. */
  readonly #containers = new Map<string, Host>()
  #backup: () => void
  #count = 0
  readonly faults: string[] = []
  readonly log: string[] = []
  readonly done = { mounted: 0, refused: 0, setBack: 0 }

  private constructor(random: Random, hosts: readonly [Host, ...Host[]]) {
    this.#random = random
    this.#hosts = hosts
    this.#backup = backUp(hosts[0])
  }

  static async create(t: Test, random: Random): Promise<SetBacks> {
    const hosts = await hostsOf(t, ['a', 'b', 'c'])
    await hosts[0].create('db', { access: 'exclusive' })
    for (const host of hosts) await host.tend()
    return new SetBacks(random, hosts)
  }

  async step(): Promise<void> {
    const host = this.#random.pick(this.#hosts)
    const drawn = this.#random.next()
    if (drawn < 0.3) await this.#mount(host)
    else if (drawn < 0.7) await this.#unmount(host)
    else if (drawn < 0.75) await host.tend()
    else if (drawn < 0.8) await this.#remove(host)
    else if (drawn < 0.9) this.#backup = backUp(host)
    else await this.#setBack()
  }

  async #mount(host: Host): Promise<void> {
    const id = `c${(this.#count += 1)}`
    if (!(await this.#allowed(`${host.machine.name} mounts ${id}`, host.mount('db', id)))) return
    this.#containers.set(id, host)
    const hosts = new Set(this.#containers.values())
    if (hosts.size > 1) this.#fault('it is used on two hosts')
    this.done.mounted += 1
  }

  async #unmount(host: Host): Promise<void> {
    const [id] = [...this.#containers].find(([, at]) => at === host) ?? []
    if (id === undefined) return
    this.#containers.delete(id)
    await this.#allowed(`${host.machine.name} unmounts ${id}`, host.unmount('db', id))
  }

  async #remove(host: Host): Promise<void> {
    if (this.#containers.size === 0) return
    if (await this.#allowed(`${host.machine.name} removes it`, host.remove('db')))
      this.#fault('it was removed while it was used')
  }

  async #setBack(): Promise<void> {
    this.#backup()
    this.log.push('etcd is set back')
    for (const host of this.#hosts) await host.tend()
    for (const host of this.#random.shuffled(this.#hosts)) await host.adopt()
    // Whoever has it may have to wait for whoever had it.
    for (const host of [...this.#hosts, ...this.#hosts]) await host.tend()
    for (const host of this.#containers.values()) {
      if (host.note('db')?.state !== 'taken') this.#fault(`${host.machine.name} has lost it`)
    }
    for (const host of this.#random.shuffled(this.#hosts)) await this.#mount(host)
    this.done.setBack += 1
  }

  async #allowed(what: string, asked: Promise<unknown>): Promise<boolean> {
    try {
      await asked
      this.log.push(what)
      return true
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      this.log.push(`${what}: ${error.message}`)
      this.done.refused += 1
      return false
    }
  }

  #fault(what: string): void {
    this.log.push(`FAULT: ${what}`)
    this.faults.push(what)
  }
}

let histories = 0

/** @returns what sets the store back to now */
function backUp({ machine: { store } }: Host): () => void {
  const before = store.snapshot(0)
  return () => store.setBack(before, `history of backup ${(histories += 1)}`)
}
