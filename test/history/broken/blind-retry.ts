import { EtcdStore } from '../../../shared/etcd-store.ts'
import { OutcomeUnknown } from '../../../shared/store.ts'
import type { CommitResult, Entry, Transaction } from '../../../shared/store.ts'
import { replaceMethod } from './replace-method.ts'

/**
 * Deliberately broken: a commit of unknown outcome is sent again, and that it lost is believed, although it lost to
 * itself. So do client libraries that retry on their own.
 */

const TIMES = 3

replaceMethod(EtcdStore.prototype, 'commit', commit => async transaction => {
  for (let again = 0; ; again++) {
    try {
      const result = await commit(transaction)
      return again > 0 ? believed(result, transaction) : result
    } catch (error) {
      if (!(error instanceof OutcomeUnknown) || again === TIMES) throw error
    }
  }
})

/** What this transaction wrote itself looks as if somebody else had. */
function believed(result: CommitResult, { write }: Transaction): CommitResult {
  if (result.committed) return result
  const mine = new Map(write.flatMap(one => ('put' in one ? [[one.put, one.value]] : [])))
  const disguised = [...result.current.values()].map((entry): Entry => {
    if (entry.value !== mine.get(entry.key)) return entry
    return { ...entry, value: entry.value.replace(/"op":"[^"]*"/, '"op":"of somebody else"') }
  })
  return { committed: false, current: new Map(disguised.map(entry => [entry.key, entry])) }
}
