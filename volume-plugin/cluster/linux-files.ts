import * as v from '@badrap/valita'
import { Refusal } from '../../shared/refusal.ts'
import type { MountLine } from '../../shared/mountinfo.ts'
import { Breaker } from './breaker.ts'
import type { Attributes, ClusterFiles, ClusterId } from './cluster-files.ts'
import { shownMounts } from './shown-mounts.ts'
import type { Answer, Job } from './hand-words.ts'
import { Hand, HandLate, Hands, HandsBusy } from './hands.ts'
import type { Place } from './place.ts'
import { requirePlain } from './plain-names.ts'
import { makeStand } from './mount-stand.ts'
import { lookAtRoot } from './root.ts'
import type { RootSettings, RootView } from './root.ts'

const ANSWER_MS = 5000
const DESTROY_MS = 30_000
/** Then the hand stops by itself, and says that there is more. */
const DESTROY_PART_MS = 25_000
const PROBE_PAUSE_MS = 2000

const nothing = v.unknown().map(() => undefined)
const clusterId = v.string().map(id => id as ClusterId)
const optionalId = v.union(clusterId, v.undefined())
const moved = v.union(v.literal('moved'), v.literal('gone'))
const names = v.array(v.string())
const destroyed = v.union(v.literal('gone'), v.literal('more'))

export type LinuxFilesOptions = RootSettings & {
  /** Which id the file system must have, as far as is known. */
  readonly expected: () => string | undefined
  /** Nothing is asked any more. */
  readonly stop?: AbortSignal
  readonly answerMs?: number
}

/** What touches the file system is done by programs of their own (hand.ts), which may hang. */
export class LinuxFiles implements ClusterFiles {
  readonly #options: LinuxFilesOptions
  readonly #hands: Hands
  readonly #breaker: Breaker
  readonly #answerMs: number
  #probe: Hand | undefined

  constructor(options: LinuxFilesOptions) {
    const { stop = new AbortController().signal, answerMs = ANSWER_MS } = options
    this.#options = options
    this.#answerMs = answerMs
    this.#hands = new Hands(options)
    this.#breaker = new Breaker({ probe: () => this.#ask(), pauseMs: PROBE_PAUSE_MS, stop })
    stop.addEventListener('abort', () => this.#close(), { once: true })
  }

  /** Without asking the file system itself. */
  async view(): Promise<RootView> {
    return lookAtRoot(this.#options, await shownMounts()).view
  }

  async check(): Promise<ClusterId | undefined> {
    return await this.#do({ do: 'check', ...this.#expected() }, optionalId)
  }

  async init(id: ClusterId): Promise<ClusterId> {
    return await this.#do({ do: 'init', id }, clusterId)
  }

  async make(place: Place, { uid, gid, mode }: Attributes): Promise<void> {
    const job = { do: 'make' as const, ...this.#expected(), place: plain(place), uid, gid, mode }
    await this.#do(job, nothing)
  }

  async bind(place: Place, at: string): Promise<void> {
    const job = { do: 'bind' as const, ...this.#expected(), place: plain(place), at }
    // What hangs there is not to be looked at by this process.
    if (!(await shownMounts()).some(each => each.at === at)) await makeStand(at)
    await this.#do(job, nothing)
  }

  async move(from: Place, to: Place): Promise<'moved' | 'gone'> {
    return await this.#do(
      { do: 'move', ...this.#expected(), from: plain(from), to: plain(to) },
      moved,
    )
  }

  async folders(place: Place): Promise<readonly string[]> {
    return await this.#do({ do: 'folders', ...this.#expected(), place: plain(place) }, names)
  }

  async destroy(place: Place): Promise<'gone' | 'more'> {
    const part = { place: plain(place), withinMs: DESTROY_PART_MS }
    return await this.#do({ do: 'destroy', ...this.#expected(), ...part }, destroyed, DESTROY_MS)
  }

  async #do<T>(job: Job, value: v.Type<T>, withinMs = this.#answerMs): Promise<T> {
    const { root } = this.#options
    const mount = nameOf(await this.#requireThere())
    this.#breaker.requireWhole(mount)
    try {
      return valueOf(await this.#hands.run(job, withinMs), value)
    } catch (error) {
      if (error instanceof HandsBusy) {
        throw new Refusal(
          'cluster-away',
          `Too much is asked of ${root} at once: ${error.message}; try again`,
        )
      }
      if (!(error instanceof HandLate)) throw error
      throw this.#trip(mount, withinMs)
    }
  }

  #trip(mount: string, withinMs: number): Refusal {
    const at = new Date().toTimeString().slice(0, 8)
    const why = `The file system on ${this.#options.root} did not answer within ${withinMs / 1000} s, at ${at}: look at its servers and at the network; it is asked again every few seconds`
    const refusal = new Refusal('cluster-away', why)
    this.#breaker.trip(mount, why)
    this.#hands.refuseWaiting(refusal)
    return refusal
  }

  /** @throws {Refusal} `cluster-away`, at once, where it is not mounted */
  async #requireThere(): Promise<MountLine> {
    const { view, line } = lookAtRoot(this.#options, await shownMounts())
    if (line && view.why === undefined) return line
    throw new Refusal('cluster-away', view.why ?? `${view.root} is not mounted`)
  }

  async #ask(): Promise<boolean> {
    let hand: Hand | undefined
    try {
      hand = new Hand(this.#options)
      this.#probe = hand
      await hand.ask({ do: 'check' }, this.#answerMs)
      return true
    } catch (error) {
      if (error instanceof HandLate) await error.gone
      return false
    } finally {
      hand?.end()
    }
  }

  #close(): void {
    this.#hands.close()
    this.#probe?.kill()
  }

  #expected(): { expected?: string } {
    const expected = this.#options.expected()
    return expected === undefined ? {} : { expected }
  }
}

const plain = (place: Place): string[] => place.map(requirePlain)

/** Neither is given to another while somebody waits for it. */
const nameOf = ({ id, device }: MountLine): string => `${id} ${device}`

function valueOf<T>(answer: Answer, value: v.Type<T>): T {
  if (answer.ok) return value.parse(answer.value)
  throw answer.code === undefined
    ? new Error(answer.message)
    : new Refusal(answer.code, answer.message)
}
