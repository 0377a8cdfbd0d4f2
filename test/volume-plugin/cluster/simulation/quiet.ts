import { nameOfMount } from '../../../../volume-plugin/cluster/mount-path.ts'
import { MOUNT_ROOT } from './machine.ts'
import type { Engine } from './engine.ts'
import { LATEST_MS } from './promises.ts'
import { parkedPlace } from '../../../../volume-plugin/cluster/place.ts'
import type { World } from './world.ts'

/** Hosts tend to their volumes every 5 s. */
const TENDED_MS = 20_000

/** What is wrong when all is healed and quiet: each a sentence. What was half done is taken up again before. */
export async function faultsWhenQuiet(world: World): Promise<string[]> {
  await world.sleep(LATEST_MS)
  await finishAll(world)
  await world.sleep(TENDED_MS)
  return [
    ...world.engines.flatMap(engine => [
      ...noteFaults(world, engine),
      ...bindFaults(engine),
      ...mirrorFaults(world, engine),
      ...lossFaults(world, engine),
    ]),
    ...userFaults(world),
    ...folderFaults(world),
    ...(await mountFaults(world)),
  ]
}

/** What engines and operators do who find something half done: on one host after the other, since one may have it mounted. */
async function finishAll(world: World): Promise<void> {
  const { random, engines, truth } = world
  for (const { name, state, id } of truth.records()) {
    if (state === 'ready') continue
    const outcomes: string[] = []
    for (const engine of random.shuffled(engines)) {
      const { is } =
        state === 'restoring' ? await engine.restore(id, name) : await engine.remove(name)
      outcomes.push(is)
      if (is === 'answered') break
    }
    if (!outcomes.includes('answered')) world.fault(`${name} stays ${state}`)
  }
}

/** Each note is of a volume that the store knows as mounted here, and of mounts that somebody asked for. */
function noteFaults(world: World, { name: host, machine, containers, leaked }: Engine): string[] {
  return machine.book.notes.flatMap(name => {
    const note = machine.book.note(name)
    if (!note) return []
    const record = world.truth.record(name)
    const what = `The note of ${name} on ${host} (${JSON.stringify(note)})`
    const ids = Object.keys(note.ids)
    const known = (id: string) =>
      leaked.has(`${name} ${id}`) || containers.some(one => one.id === id && one.name === name)
    return [
      ...ids.filter(id => !known(id)).map(id => `${what} has ${id}, which nobody mounts`),
      ...(ids.length === 0 ? [`${what} is of nothing`] : []),
      ...(note.state === 'taken' || note.state === 'lost' ? [] : [`${what} is not settled`]),
      ...(note.state === 'taken' && record?.users[machine.id]?.op !== note.op
        ? [`${what} is not what the store says: ${JSON.stringify(record?.users)}`]
        : []),
    ]
  })
}

/** What is mounted is noted, and what is noted as taken is mounted, unless a crash left it so. */
function bindFaults({ name: host, machine }: Engine): string[] {
  return [...machine.binds.at.keys()].flatMap(at => {
    const note = machine.book.note(nameOfMount(MOUNT_ROOT, at) ?? '')
    return note?.state === 'taken' ? [] : [`${host} has ${at}: ${JSON.stringify(note)}`]
  })
}

function mirrorFaults({ truth }: World, { name: host, machine }: Engine): string[] {
  const shown = (records: readonly { readonly name: string }[]) =>
    JSON.stringify(records.toSorted((a, b) => (a.name < b.name ? -1 : 1)))
  const mirror = machine.cluster?.mirror.all() ?? []
  return shown(mirror) === shown(truth.records())
    ? []
    : [`The mirror of ${host} is ${shown(mirror)}, and the store has ${shown(truth.records())}`]
}

/** Who lost a volume, and lives on with it mounted, has said so; but if the store had it again as if nothing had been. */
function lossFaults(
  { truth }: World,
  { name: host, machine, containers, toldLost }: Engine,
): string[] {
  return containers
    .filter(({ isForfeited, name, op }) => {
      const isBack = truth.record(name)?.users[machine.id]?.op === op
      return isForfeited && !isBack && !toldLost.has(name)
    })
    .map(one => `${host} lost ${one.name}, which ${one.id} has mounted, and did not say so`)
}

function userFaults({ truth, engines }: World): string[] {
  return truth.records().flatMap(({ name, users }) =>
    Object.entries(users).flatMap(([id, { op }]) => {
      const host = truth.hostOf(id)
      const engine = engines.find(one => one.name === host)
      const note = engine?.machine.book.note(name)
      return note?.op === op ? [] : [`${name} is mounted on ${host}, which does not know`]
    }),
  )
}

function folderFaults(world: World): string[] {
  const { truth, tree, engines } = world
  const faults: string[] = []
  for (const record of truth.records()) {
    for (const { name: host } of engines) {
      const folder = truth.folderOf(record, host)
      if (folder && !truth.isWhole(folder)) faults.push(`The data of ${record.name} is not whole`)
    }
  }
  for (const { volume, state } of truth.parked()) {
    const { options, id, name } = volume
    if (options.path || options.app !== undefined || state === 'destroying') continue
    const folder = tree.find([...parkedPlace(volume), 'data'])
    if (!folder || folder !== truth.folderOf(volume, ''))
      faults.push(`The data of ${name} (${id}) is not aside`)
    else if (!truth.isWhole(folder)) faults.push(`The data of ${name} (${id}) is not whole aside`)
  }
  return faults
}

/** Whatever is there can be mounted: the checks of a mount judge it; an exclusive one where it is, or anywhere. */
async function mountFaults(world: World): Promise<string[]> {
  const faults: string[] = []
  for (const { name, options, users } of world.truth.records()) {
    for (const engine of world.engines) {
      const others = Object.keys(users).filter(id => id !== engine.machine.id)
      if (options.access === 'exclusive' && others.length > 0) continue
      const outcome = await engine.mount(name, new AbortController().signal)
      if (outcome.is !== 'answered')
        faults.push(`${name} cannot be mounted on ${engine.name} when all is well`)
      if (options.access === 'exclusive') break
    }
  }
  return faults
}
