import { rm } from 'node:fs/promises'
import { t as file } from 'tap'
import { ALL_KINDS, play } from './play.ts'
import type { FaultKind } from './plan.ts'

/**
 * The checker sees what it is for: three allocators, each broken in one way, are caught. The faults are those that such
 * a one cannot bear; for the first, any.
 */
const DOUBLES: readonly {
  readonly name: string
  readonly module: string
  readonly kinds: readonly FaultKind[]
  readonly shows: RegExp
}[] = [
  {
    name: 'one that releases without asking who has the address',
    module: 'any-release',
    kinds: ALL_KINDS,
    shows: /in use twice|vanished/,
  },
  {
    name: 'one that repeats a commit blindly and believes that it lost',
    module: 'blind-retry',
    kinds: ['late', 'cut'],
    shows: /leaked: .* its claim was answered: (ok|refused)/,
  },
  {
    name: 'one without a fence',
    module: 'no-fence',
    kinds: ['evict', 'strand'],
    shows: /which ended with an eviction|leaked: .* its claim was answered: refused/,
  },
]
/** Where a run comes without the moment that it takes, another one follows. */
const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8]

file.setTimeout(600_000)

for (const { name, module, kinds, shows } of DOUBLES) {
  await file.test(`${name} is caught`, async t => {
    const preloads = [new URL(`broken/${module}.ts`, import.meta.url).href]
    for (const seed of SEEDS) {
      const options = { seed, hosts: 4, lastsMs: 14_000, kinds, preloads }
      const result = await play({ ...options, untilBroken: true, settlesWithinMs: 6000 })
      t.comment(result.counts)
      if (result.folder) await rm(result.folder, { recursive: true, force: true })
      const shown = result.broken.find(sentence => shows.test(sentence))
      if (shown !== undefined) {
        t.pass(shown)
        return
      }
    }
    t.fail('no run showed it')
  })
}
