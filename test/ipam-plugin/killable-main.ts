import { appendFileSync } from 'node:fs'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { readFingerprint } from '../../shared/fingerprint.ts'
import { adoptIdentity, readIdentity } from '../../shared/identity.ts'
import { LevelJournal } from '../../ipam-plugin/level-journal.ts'
import { LevelNotes } from '../../ipam-plugin/level-notes.ts'
import { serveIpam } from '../../ipam-plugin/plugin.ts'
import type { Storage } from '../../ipam-plugin/plugin.ts'
import { readIpamSettings } from '../../ipam-plugin/settings.ts'
import { bootId } from '../../shared/boot-id.ts'
import { LevelDatabase } from '../../shared/level-database.ts'
import { LevelStore } from '../../shared/level-store.ts'
import { openLog } from '../../shared/log.ts'

/**
 * The plugin wired as its main is, but for what a test asks of its storage:
 * - `CALLS`: a file to which every call of the store, of the journal and of the notes is written, before it is made.
 * - `KILL_AT`: "7:before" or "7:after": SIGKILL around the seventh of these calls.
 * - `COMMIT_MS`: how long each commit of the store takes at least.
 * - `BOOT`: stands for the kernel's boot id.
 */
const { CALLS, KILL_AT, COMMIT_MS = '0', BOOT } = process.env
const [killAt, killWhen] = KILL_AT?.split(':') ?? []

const settings = readIpamSettings(process.env)
const log = openLog(settings.LOG_LEVEL)
const state = join(settings.DATA_DIR, 'berth')
let calls = 0

const stop = await serveIpam({
  socket: settings.PLUGIN_SOCKET,
  adminSocket: join(state, 'ipam', 'admin.sock'),
  defaultPools: settings.DEFAULT_POOLS,
  log,
  openStorage,
})
log.info({ socket: settings.PLUGIN_SOCKET }, 'listening')
await once(process, 'SIGTERM')
await stop()

async function openStorage(): Promise<Storage> {
  const database = await LevelDatabase.open(join(state, 'ipam', 'db'))
  const boot = BOOT ?? (await bootId())
  const machine = await readFingerprint()
  const { id, isForeign } = await readIdentity(join(state, 'host.json'), machine)
  const journal = await LevelJournal.open(
    database,
    join(state, 'ipam', 'db', 'berth-journal'),
    boot,
  )
  const store = new LevelStore(database, 'store/')
  return {
    store: stepped('store', slow(store)),
    isShared: false,
    journal: stepped('journal', journal),
    notes: stepped('notes', new LevelNotes(database)),
    host: { id, name: settings.HOST_NAME || id, boot, machine },
    isForeign,
    adoptIdentity: () => adoptIdentity(join(state, 'host.json'), machine),
    close: async () => {
      await store.close()
      await journal.close()
      await database.close()
    },
  }
}

function slow(store: LevelStore): LevelStore {
  const commit = store.commit.bind(store)
  store.commit = async transaction => {
    await sleep(Number(COMMIT_MS))
    return await commit(transaction)
  }
  return store
}

/** The same object, each call of a method of which is one step. */
function stepped<T extends object>(name: string, target: T): T {
  return new Proxy(target, {
    get(_, key) {
      const member: unknown = Reflect.get(target, key)
      if (typeof member !== 'function') return member
      return (...args: unknown[]): unknown =>
        step(`${name}.${String(key)}`, args, () => Reflect.apply(member, target, args))
    },
  })
}

function step(name: string, args: readonly unknown[], call: () => unknown): unknown {
  calls += 1
  const mine = calls
  if (CALLS) appendFileSync(CALLS, `${name} ${JSON.stringify(args)}\n`)
  dieAt(mine, 'before')
  const result = call()
  if (!(result instanceof Promise)) {
    dieAt(mine, 'after')
    return result
  }
  return result.finally(() => dieAt(mine, 'after'))
}

function dieAt(call: number, when: 'before' | 'after'): void {
  if (call === Number(killAt) && when === killWhen) process.kill(process.pid, 'SIGKILL')
}
