/**
 * A proxy as a process of its own: `node proxy-main.ts <target port>`. Prints its port, then takes a command a line and
 * answers "ok": pass, refuse, stall, hold, release, cut, delay <request ms> <answer ms>.
 */
import { createInterface } from 'node:readline'
import { Proxy } from './proxy.ts'

const proxy = await Proxy.start(undefined, Number(process.argv[2]))
process.stdout.write(`${proxy.port}\n`)
for await (const line of createInterface(process.stdin)) {
  process.stdout.write(`${await obey(line)}\n`)
}
proxy.end()

async function obey(line: string): Promise<string> {
  const [command, requestMs, answerMs] = line.trim().split(/\s+/)
  if (command === 'pass') await proxy.pass()
  else if (command === 'refuse') await proxy.refuse()
  else if (command === 'stall') await proxy.stall()
  else if (command === 'hold') await proxy.holdAnswers()
  else if (command === 'release') proxy.release()
  else if (command === 'cut') proxy.cut()
  else if (command === 'delay')
    proxy.delay({ requestMs: Number(requestMs), answerMs: Number(answerMs) })
  else return `unknown command ${command}`
  return 'ok'
}
