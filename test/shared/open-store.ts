import type { Test } from 'tap'
import { LevelDatabase } from '../../shared/level-database.ts'
import { LevelStore } from '../../shared/level-store.ts'
import type { Store } from '../../shared/store.ts'

/** A real store, empty, for one test. */
export async function openStore(t: Test): Promise<Store> {
  const database = await LevelDatabase.open(t.testdir())
  t.teardown(() => database.close())
  return new LevelStore(database, 'store/')
}

export async function put(store: Store, key: string, value: string): Promise<void> {
  await store.commit({ require: [], write: [{ put: key, value }] })
}
