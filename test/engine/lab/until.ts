import { setTimeout as delay } from 'node:timers/promises'

/** Asks again and again until the answer is something other than undefined or false; fails, naming what it waited for. */
export async function until<T>(
  what: string,
  deadline: number,
  ask: () => Promise<T | undefined | false> | T | undefined | false,
): Promise<T> {
  const end = Date.now() + deadline
  for (;;) {
    const answer = await ask()
    if (answer !== undefined && answer !== false) return answer
    if (Date.now() > end) throw new Error(`${what}: not within ${deadline} ms`)
    await delay(50)
  }
}
