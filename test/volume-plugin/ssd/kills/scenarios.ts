import { setTimeout as sleep } from 'node:timers/promises'
import { run } from '../../../engine/lab/run.ts'
import { isThere } from './judge.ts'
import type { Expected, Fate } from './judge.ts'
import type { Answer, Plugin } from './plugin.ts'
import { writeFileInto } from './world.ts'
import type { World } from './world.ts'

/** A call that is cut off, with what may be found afterwards. */
export type Scenario = {
  readonly name: string
  /** Answered before; the plugin is ended afterwards, and the world saved. */
  readonly before: (plugin: Plugin, world: World) => Promise<unknown>
  /** Whether all state since then was lost. */
  readonly isForgotten?: true
  /** Of the plugin that is killed, and of the next one. */
  readonly settings?: Readonly<Record<string, string>>
  /** Answered by the very process that is killed. */
  readonly live?: (plugin: Plugin) => Promise<unknown>
  readonly act: (plugin: Plugin, world: World) => Promise<unknown>
  /** Where the call was cut off, and all was tended to. */
  readonly cut: Expected
  /** Where it was answered: now, or when it was asked again. */
  readonly done: Expected
  /** Whether the calls may come in another order the next time. */
  readonly isMixed?: true
}

/** On each world beside the volume that the scenario is about. */
const KEPT = 'kept'
const EMPTY = ['']
const GONE: Fate = { is: 'gone', texts: [] }
const there = (name: string): Fate => ({ is: 'there', texts: [name] })
const either = (name: string): Fate => ({ is: 'either', texts: [name] })
const MADE: Fate = { is: 'there', texts: EMPTY }
const PERHAPS_MADE: Fate = { is: 'either', texts: EMPTY }

/** All volumes of a world. */
const having = (volumes: Readonly<Record<string, Fate>>): Expected => ({
  volumes: { [KEPT]: there(KEPT), ...volumes },
})

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'Create',
    before: async () => {},
    act: async plugin => await create(plugin, 'a'),
    cut: having({ a: PERHAPS_MADE }),
    done: having({ a: MADE }),
  },
  {
    name: 'two Creates at once',
    before: async () => {},
    act: async plugin => await Promise.all([create(plugin, 'a'), create(plugin, 'b')]),
    cut: having({ a: PERHAPS_MADE, b: PERHAPS_MADE }),
    done: having({ a: MADE, b: MADE }),
    isMixed: true,
  },
  {
    name: 'Remove',
    before: async plugin => await createAndFill(plugin, 'a'),
    act: async plugin => await ok(plugin.call('Remove', { Name: 'a' })),
    cut: having({ a: either('a') }),
    done: having({ a: GONE }),
  },
  {
    name: 'Remove where nothing is kept',
    before: async plugin => await createAndFill(plugin, 'a'),
    settings: { RETAIN: '0', TEND_MS: '500' },
    act: async plugin => {
      await ok(plugin.call('Remove', { Name: 'a' }))
      await untilGone(plugin, 'a')
    },
    cut: having({ a: either('a') }),
    done: having({ a: GONE }),
  },
  {
    name: 'a wipe',
    before: async plugin => {
      await createAndFill(plugin, 'a')
      await ok(plugin.call('Remove', { Name: 'a' }))
    },
    act: async plugin => await wipe(plugin, 'a'),
    cut: having({ a: GONE }),
    done: having({ a: GONE }),
  },
  {
    name: "a wipe of somebody's disk, by an operator's word",
    before: async (_, { disks }) => {
      await run('mkfs.ext4', ['-q', '-F', disks.at(-1)?.node ?? ''])
    },
    act: async (plugin, { disks }) => {
      const { name, file } = disks.at(-1) ?? { name: '', file: '' }
      const order = { confirm: `loop:${file}` }
      await ok(plugin.operate('POST', `/v1/disks/${name}/wipe`, order))
      await untilGone(plugin, '')
    },
    cut: { ...having({}), isUsed: true },
    done: having({}),
  },
  {
    name: 'Mount',
    before: async plugin => await createAndFill(plugin, 'a'),
    act: async plugin => await mount(plugin, 'a', 'one'),
    cut: having({ a: there('a') }),
    done: { ...having({ a: there('a') }), mounted: ['a'] },
  },
  {
    name: 'the last Unmount',
    before: async plugin => await createAndFill(plugin, 'a'),
    live: async plugin => await mount(plugin, 'a', 'one'),
    act: async plugin => await unmount(plugin, 'a', 'one'),
    cut: having({ a: there('a') }),
    done: { ...having({ a: there('a') }), unmounted: ['a'] },
  },
  {
    name: 'a second Mount and the first Unmount',
    before: async plugin => await createAndFill(plugin, 'a'),
    live: async plugin => await mount(plugin, 'a', 'one'),
    act: async plugin => {
      await mount(plugin, 'a', 'two')
      await unmount(plugin, 'a', 'one')
    },
    cut: { ...having({ a: there('a') }), mounted: ['a'] },
    done: { ...having({ a: there('a') }), mounted: ['a'] },
  },
  {
    name: 'a restore',
    before: async plugin => {
      await createAndFill(plugin, 'a')
      await ok(plugin.call('Remove', { Name: 'a' }))
    },
    act: async plugin => {
      if (await isThere(plugin, 'a')) return
      await ok(plugin.operate('POST', '/v1/volumes/a/restore'))
    },
    cut: having({ a: either('a') }),
    done: having({ a: there('a') }),
  },
  {
    name: 'an adoption',
    before: async plugin => await createAndFill(plugin, 'a'),
    isForgotten: true,
    act: async (plugin, { disks }) => {
      if (await isThere(plugin, 'a')) return
      await ok(plugin.operate('POST', '/v1/adopt', { disk: disks[1]?.node }))
    },
    cut: having({ a: { is: 'lost', texts: ['a'] } }),
    done: having({ a: there('a') }),
  },
]

export function scenarioOf(name: string): Scenario {
  const found = SCENARIOS.find(scenario => scenario.name === name)
  if (!found) throw new Error(`There is no scenario ${name}`)
  return found
}

export async function createKept(plugin: Plugin): Promise<void> {
  await createAndFill(plugin, KEPT)
}

export async function create(plugin: Plugin, Name: string): Promise<void> {
  await ok(plugin.call('Create', { Name, Opts: { mode: '0700' } }))
}

export async function createAndFill(plugin: Plugin, name: string): Promise<void> {
  await create(plugin, name)
  const { Mountpoint } = await mount(plugin, name, 'first')
  await writeFileInto(String(Mountpoint), name)
  await unmount(plugin, name, 'first')
}

export async function mount(plugin: Plugin, Name: string, ID: string): Promise<Answer['body']> {
  return await ok(plugin.call('Mount', { Name, ID }))
}

export async function unmount(plugin: Plugin, Name: string, ID: string): Promise<void> {
  await ok(plugin.call('Unmount', { Name, ID }))
}

/** Until nothing of it is left: the operator's call is answered earlier. */
export async function wipe(plugin: Plugin, name: string): Promise<void> {
  if (!(await claims(plugin)).includes(named(name))) return
  const { status } = await plugin.operate('POST', `/v1/volumes/${name}/wipe`)
  // Where it was begun already, the volume has no name any more.
  if (status !== 200 && !(await claims(plugin)).includes('"wiping"')) {
    throw new Refused(`${name} is not wiped`)
  }
  await untilGone(plugin, name)
}

/** Until its disk is free; of no name, a disk that was nobody's. */
async function untilGone(plugin: Plugin, name: string): Promise<void> {
  while ((await claims(plugin)).includes(named(name))) await sleep(20)
}

const named = (name: string): string => `"name":"${name}"`

async function claims(plugin: Plugin): Promise<string> {
  return JSON.stringify((await plugin.operate('GET', '/v1/volumes')).body)
}

/** An answer, and not a good one. */
export class Refused extends Error {
  override readonly name = 'Refused'
}

/** @throws {Refused} for any answer but a good one; another error where the connection was dropped */
export async function ok(answer: Promise<Answer>): Promise<Answer['body']> {
  const { status, body } = await answer
  if (status === 200) return body
  throw new Refused(`${status}: ${JSON.stringify(body)}`)
}
