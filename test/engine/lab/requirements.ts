import { existsSync } from 'node:fs'
import { CommandFailed, run } from './run.ts'

/** Why this machine cannot run Docker Engines side by side; undefined where it can. */
export async function whyNoEngines(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'engine tests need root'
  if (!existsSync('/usr/bin/apt-get'))
    return 'engine tests take the engines from Debian, and apt-get is not here'
  for (const [tool, ...args] of trials) {
    try {
      await run(tool, args)
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error
      return `engine tests need what this machine refuses: ${error.message}`
    }
  }
  return undefined
}

const VETH = 'ip link add left type veth peer name right'

const trials: readonly (readonly [string, ...string[]])[] = [
  ['iptables', '--version'],
  ['unshare', '--net', '--mount', '--pid', '--uts', '--fork', '--mount-proc', 'true'],
  ['unshare', '--net', 'ip', 'link', 'add', 'bridge0', 'type', 'bridge'],
  ['unshare', '--net', 'bash', '-ec', `${VETH}; ip link add link left type macvlan mode bridge`],
]
