const IDLE_MS = 2000
/** Less is not worth the price: V8 gives back the code that it had compiled as well, and the next requests are slow. */
const WORTHWHILE_BYTES = 8 * 1024 * 1024

/**
 * Gives back what a burst of work left in memory, once the work has ended: V8 by itself keeps it for as long as nothing
 * happens. Without Node's `--expose-gc` it does nothing.
 *
 * @returns what is to be called at each piece of work
 */
export function giveMemoryBackWhenIdle(): () => void {
  let settled = 0
  const idle = setTimeout(() => {
    if (process.memoryUsage.rss() < settled + WORTHWHILE_BYTES) return
    globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' })
    settled = process.memoryUsage.rss()
  }, IDLE_MS)
  idle.unref()
  return () => idle.refresh()
}
