import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { NotDelivered } from '../instance.ts'
import type { ClusterHost } from './cluster-host.ts'
import type { Call, Event, Hold, Outcome } from './record.ts'

/** An engine's time limit. */
const TIMEOUT_MS = 30_000
const AGAIN_AFTER_MS = 200
/** As engines do after a connection that broke: 0, 1, 3, 7 and 15 s; shorter here. */
const ATTEMPTS = 5
/** Longer than any fault lasts: what is not delivered by then never will be. */
const GIVE_UP_MS = 60_000

/** What is written of a run while it happens. */
export type Recorded = {
  readonly calls: Call[]
  readonly holds: Hold[]
  readonly events: Event[]
}

/** How a volume is used, as its `-o` options say. */
export type VolumeKind = { readonly exclusive?: boolean; readonly isLog?: boolean }

type Container = { readonly hold: Hold; readonly id: string; readonly mounts: number }

/** What an engine and its containers do on one host. Everything that they hear and find is recorded. */
export class VolumeEngine {
  readonly host: ClusterHost
  readonly containers = new Set<Container>()
  readonly #recorded: Recorded
  #ids = 0
  #boots = 0

  constructor(host: ClusterHost, recorded: Recorded) {
    this.host = host
    this.#recorded = recorded
  }

  async create(volume: string, options: Readonly<Record<string, string>> = {}): Promise<Outcome> {
    return await this.#ask(volume, 'Create', { Name: volume, Opts: options })
  }

  async remove(volume: string): Promise<Outcome> {
    return await this.#ask(volume, 'Remove', { Name: volume })
  }

  async get(volume: string): Promise<Outcome> {
    return await this.#ask(volume, 'Get', { Name: volume })
  }

  /** An operator's order. */
  async restore(volume: string): Promise<Outcome> {
    return await this.#delivering(volume, 'restore', async () => {
      const { status, body } = await this.host.instance.admin(
        'POST',
        `/v1/volumes/${volume}/restore`,
      )
      return status === 200 ? { is: 'ok' } : { is: 'refused', why: JSON.stringify(body) }
    })
  }

  /** Starts a container: it looks at what is there, and writes a file of its own. */
  async start(
    volume: string,
    { exclusive = false, isLog = false }: VolumeKind = {},
  ): Promise<Container | undefined> {
    const id = `${this.host.name}-${(this.#ids += 1)}`
    const boot = this.#boots
    for (let mounts = 1; mounts <= ATTEMPTS; mounts++) {
      const outcome = await this.#ask(volume, 'Mount', { Name: volume, ID: id })
      if (boot !== this.#boots) return undefined
      if (outcome.is === 'refused') {
        await this.#unmount(volume, id, mounts - 1)
        return undefined
      }
      if (outcome.is === 'unknown' || outcome.mountpoint === undefined) {
        await sleep(AGAIN_AFTER_MS)
        continue
      }
      const from = performance.now()
      const inside = this.host.seen(outcome.mountpoint)
      const found = await readdir(inside).catch(() => undefined)
      const hold: Hold = {
        host: this.host.name,
        volume,
        folder: isLog ? `${volume} of ${this.host.name}` : volume,
        exclusive,
        from,
        to: Infinity,
        found: found ?? [],
        mark: id,
        wrote: Infinity,
      }
      const container = { hold, id, mounts }
      if (boot !== this.#boots) return undefined
      this.containers.add(container)
      // What cannot be looked at says nothing: the file system went away in between.
      if (found) this.#recorded.holds.push(hold)
      await writeFile(join(inside, id), '').then(
        () => (hold.wrote = performance.now()),
        () => {},
      )
      return container
    }
    await this.#unmount(volume, id, ATTEMPTS)
    return undefined
  }

  async stop(container: Container): Promise<void> {
    const { hold, id, mounts } = container
    if (!this.containers.delete(container)) return
    hold.to = performance.now()
    await this.#unmount(hold.volume, id, mounts)
  }

  /** The host's power fails. */
  powerOff(): void {
    this.#boots += 1
    for (const { hold } of this.containers) hold.to = performance.now()
    this.containers.clear()
  }

  /** The operator's word that `from` is dead. */
  async breakLock(volume: string, from: string): Promise<boolean> {
    const at = performance.now()
    const { status } = await this.host.instance.admin('POST', `/v1/volumes/${volume}/break-lock`, {
      host: from,
    })
    if (status === 200) this.#recorded.events.push({ is: 'broken', host: from, volume, at })
    return status === 200
  }

  /** As often as its Mount was sent, since nobody knows which of them arrived: engines ask once, and leave a count behind. */
  async #unmount(volume: string, id: string, times: number): Promise<void> {
    const boot = this.#boots
    for (let i = 0; i < times && boot === this.#boots; i++) {
      let outcome: Outcome
      do outcome = await this.#ask(volume, 'Unmount', { Name: volume, ID: id })
      while (outcome.is !== 'ok' && boot === this.#boots && (await sleep(AGAIN_AFTER_MS, true)))
    }
  }

  async #ask(volume: string, what: Call['do'], body: object): Promise<Outcome> {
    const text = `${JSON.stringify(body)}\n`
    return await this.#delivering(volume, what, async () => {
      const signal = AbortSignal.timeout(TIMEOUT_MS)
      const { status, body } = await this.host.instance.call(what, text, signal)
      if (status !== 200) return { is: 'refused', why: String(body['Err']) }
      const given = body['Mountpoint']
      return typeof given === 'string' ? { is: 'ok', mountpoint: given } : { is: 'ok' }
    })
  }

  /** Asks until somebody listens. */
  async #delivering(
    volume: string,
    what: Call['do'],
    ask: () => Promise<Outcome>,
  ): Promise<Outcome> {
    for (const giveUp = performance.now() + GIVE_UP_MS; ; await sleep(AGAIN_AFTER_MS)) {
      try {
        return await this.#recording(volume, what, ask)
      } catch (error) {
        if (!(error instanceof NotDelivered) || performance.now() > giveUp) throw error
      }
    }
  }

  async #recording(
    volume: string,
    what: Call['do'],
    ask: () => Promise<Outcome>,
  ): Promise<Outcome> {
    const sent = performance.now()
    const outcome = await ask().catch((error: Error): Outcome => {
      if (error instanceof NotDelivered) throw error
      return { is: 'unknown', why: error.message }
    })
    const ended = performance.now()
    this.#recorded.calls.push({ host: this.host.name, volume, do: what, sent, ended, outcome })
    return outcome
  }
}
