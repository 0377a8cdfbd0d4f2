import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { giveMemoryBackWhenIdle } from '../../shared/idle-memory.ts'

/** A little longer than work must have ended for. */
const IDLE_MS = 2500

await t.test(
  'memory is given back once the work has ended, where there is enough of it',
  async t => {
    let collections = 0
    const { gc } = globalThis
    t.teardown(() => (globalThis.gc = gc))
    globalThis.gc = (async () => void (collections += 1)) as typeof globalThis.gc
    const work = giveMemoryBackWhenIdle()
    for (let i = 0; i < 5; i++) {
      work()
      await sleep(IDLE_MS / 5)
    }
    t.equal(collections, 0, 'not while there is more to do')
    await sleep(IDLE_MS)
    t.equal(collections, 1)
    work()
    await sleep(IDLE_MS)
    t.equal(collections, 1, 'little work is not worth the price')
    const much = Buffer.alloc(64 * 1024 * 1024, 1)
    work()
    await sleep(IDLE_MS)
    t.equal(collections, 2)
    t.equal(much.length, 64 * 1024 * 1024)
  },
)
