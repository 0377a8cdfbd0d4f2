import { lstatSync, readdirSync, readFileSync, renameSync, symlinkSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import { command } from '../../../../volume-plugin/command.ts'
import type { Random } from '../../../history/random.ts'

const deadlineMs = 20_000

/** Somebody who puts other things in the place of folders, for a moment each, as fast as it can. */
export class Swapping {
  readonly #random: Random
  readonly #folders: readonly string[]
  readonly #others: readonly string[]
  #isOver = false
  /** How often something else was in the place of a folder. */
  swaps = 0

  /** @param others folders that are put there: as links, or mounted */
  constructor(random: Random, folders: readonly string[], others: readonly string[]) {
    this.#random = random
    this.#folders = folders
    this.#others = others
  }

  async run(): Promise<void> {
    while (!this.#isOver) {
      const folder = this.#random.pick(this.#folders)
      const other = this.#random.pick(this.#others)
      if (this.#random.chance(0.1)) await this.#mountOver(folder, other)
      else await this.#linkFor(folder, other)
      await sleep(this.#random.between(0, 2))
    }
  }

  stop(): void {
    this.#isOver = true
  }

  async #linkFor(folder: string, other: string): Promise<void> {
    const away = `${folder}.away`
    const isAway = attempt(() => renameSync(folder, away))
    if (isAway && attempt(() => symlinkSync(other, folder))) this.swaps++
    for (let left = this.#random.between(0, 20); left > 0; left--) await setImmediate()
    attempt(() => unlinkSync(folder))
    if (isAway) attempt(() => renameSync(away, folder))
  }

  async #mountOver(folder: string, other: string): Promise<void> {
    const args = ['--bind', '--no-canonicalize', '--no-mtab', '--', other, folder]
    const { code } = await command('mount', args, { deadlineMs })
    if (code !== 0) return
    this.swaps++
    await sleep(this.#random.between(0, 3))
    await command('umount', ['--lazy', '--', folder], { deadlineMs })
  }
}

function attempt(act: () => void): boolean {
  try {
    act()
    return true
  } catch {
    return false
  }
}

/** All that is in a folder: whose it is, who may use it, and what it holds. */
export function everything(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .concat('.')
    .toSorted()
    .map(name => {
      const path = join(folder, name)
      const { uid, gid, mode, ino } = lstatSync(path)
      const text = lstatSync(path).isFile() ? readFileSync(path, 'utf8') : ''
      return [name, uid, gid, mode.toString(8), ino, text].join(' ')
    })
}
