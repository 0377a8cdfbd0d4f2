import { endOf } from './store.ts'
import type { Entry, Store } from './store.ts'

const PAGE = 1000

/** All entries whose keys begin with `prefix`; see `entriesBetween`. */
export function entriesBelow(store: Store, prefix: string): AsyncIterable<Entry> {
  return entriesBetween(store, prefix, endOf(prefix))
}

/** All entries with `from <= key < to` in key order, read page by page: each is current when its page is read. */
export async function* entriesBetween(
  store: Store,
  from: string,
  to: string,
): AsyncIterable<Entry> {
  for (let start = from; ;) {
    const page = await store.list(start, to, PAGE)
    for (const entry of page) {
      start = `${entry.key}\0`
      yield entry
    }
    if (page.length < PAGE) return
  }
}
