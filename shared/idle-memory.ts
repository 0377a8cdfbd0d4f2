const IDLE_MS = 2000

/**
 * Gives back what a burst of work left in memory, once the work has ended: V8 by itself keeps it for as long as nothing
 * happens. Without Node's `--expose-gc` it does nothing.
 *
 * @returns what is to be called at each piece of work
 */
export function giveMemoryBackWhenIdle(): () => void {
  const idle = setTimeout(() => {
    globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' })
  }, IDLE_MS)
  idle.unref()
  return () => idle.refresh()
}
