import { closeSync, openSync } from 'node:fs'
import { Hands } from '../../../../volume-plugin/cluster/hands.ts'

/** Asks for something while no descriptor is left, then once there are some again: says what it was told each time. */
const hands = new Hands({ root: '/nowhere', mount: '', types: ['fuse'] })
const ask = async () => {
  const answer = await hands.run({ do: 'check' }, 20_000).catch((error: Error) => error)
  return answer instanceof Error ? { error: answer.message } : answer
}
const opened: number[] = []
try {
  for (;;) opened.push(openSync('/dev/null', 'r'))
} catch {
  // None is left.
}
const told = [await ask(), await ask()]
for (const each of opened) closeSync(each)
const later = await ask()
process.stdout.write(JSON.stringify({ told, later }))
hands.close()
