import { appendFileSync } from 'node:fs'
import fs from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'

/** During: a while after it began. */
export type When = 'before' | 'during' | 'after'
/** Around which call the process is killed, counted from when it was armed, else from its start; or the first of that name. */
export type KillAt = { readonly call: number | string; readonly when: When }

const A_WHILE_MS = 300

/** Calls that change nothing: being killed at one is being killed at the change before it. */
const READS =
  /^(?:book\.load|disks\.(?:list|read|hold)|hold\.(?:read|signatures|content|release)|mounts\.list)\b/

/** Counts what a process does to the world, and kills it at one of these calls. */
export class Steps {
  readonly #file: string
  #calls = 0
  #killAt: KillAt | undefined

  /** @param file gets the name of each call, before it is made */
  constructor(file: string, killAt?: KillAt) {
    this.#file = file
    this.#killAt = killAt
  }

  /** Counts anew from here. */
  arm(killAt: KillAt | undefined): void {
    this.#calls = 0
    this.#killAt = killAt
  }

  /** The same object, each call of a method of which is one step. */
  stepped<T extends object>(name: string, target: T): T {
    return new Proxy(target, {
      get: (_, key) => {
        const member: unknown = Reflect.get(target, key)
        if (typeof member !== 'function') return member
        return (...args: unknown[]): unknown =>
          this.#step(`${name}.${String(key)}`, args, () => Reflect.apply(member, target, args))
      },
    })
  }

  /** Also what is done to files, by whoever does it in this process. */
  async stepFiles(): Promise<void> {
    for (const name of ['rename', 'mkdir'] as const) this.#patch('fs', fs, name)
    syncBuiltinESMExports()
    await using handle = await fs.open('/dev/null')
    const files = Object.getPrototypeOf(handle) as fs.FileHandle
    for (const name of ['write', 'writeFile', 'sync', 'chmod', 'chown'] as const) {
      this.#patch('file', files, name)
    }
  }

  #patch<T extends object>(of: string, target: T, name: keyof T & string): void {
    const original: unknown = target[name]
    if (typeof original !== 'function') throw new Error(`${of} has no ${name}`)
    const step = (text: string, args: unknown[], call: () => unknown) =>
      this.#step(text, args, call)
    Reflect.set(target, name, function (this: unknown, ...args: unknown[]): unknown {
      return step(`${of}.${name}`, args, () => Reflect.apply(original, this, args))
    })
  }

  #step(name: string, args: readonly unknown[], call: () => unknown): unknown {
    const text = `${name} ${args.map(short).join(' ')}`.trim()
    if (READS.test(text)) return call()
    this.#calls += 1
    appendFileSync(this.#file, `${text}\n`)
    const at = this.#killAt?.call
    const isLast = at === this.#calls || (typeof at === 'string' && text.startsWith(at))
    const when = isLast ? this.#killAt?.when : undefined
    if (when === 'before') die()
    if (when === 'during') setTimeout(die, A_WHILE_MS)
    const result = call()
    return when === 'after' && result instanceof Promise ? result.finally(die) : result
  }
}

function die(): void {
  process.kill(process.pid, 'SIGKILL')
}

/** Enough to tell one call from another. */
function short(arg: unknown): string {
  if (typeof arg === 'number' || typeof arg === 'string') return String(arg)
  if (Buffer.isBuffer(arg)) return `(${arg.length} bytes)`
  const { state } = Object(arg) as { state?: { is?: unknown; part?: unknown } }
  return [state?.is, state?.part].filter(each => typeof each === 'string').join(' ')
}
