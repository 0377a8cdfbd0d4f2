import type { Lab } from './lab.ts'
import { run } from './run.ts'

const NETWORK = '192.0.2'
const NETWORK6 = '2001:db8:2:'

export function addressOnSwitch(number: number): string {
  return `${NETWORK}.${number}`
}

/** The LAN: a bridge in a namespace of its own, where the machine's packet filters do not reach. */
export class Switch {
  readonly lab: Lab
  readonly namespace: string

  private constructor(lab: Lab) {
    this.lab = lab
    this.namespace = `berth-${lab.id}-switch`
  }

  static async create(lab: Lab): Promise<Switch> {
    const self = new Switch(lab)
    lab.recordNamespace(self.namespace)
    await run('ip', ['netns', 'add', self.namespace])
    await ip(self.namespace, 'link', 'set', 'lo', 'up')
    await ip(self.namespace, 'link', 'add', 'br0', 'type', 'bridge')
    await ip(self.namespace, 'link', 'set', 'br0', 'up')
    await ip(self.namespace, 'address', 'add', `${NETWORK}.254/24`, 'dev', 'br0')
    return self
  }

  /** A namespace with a cable to the switch: eth0, 192.0.2.<number>. */
  async plug(number: number): Promise<string> {
    const namespace = `berth-${this.lab.id}-h${number}`
    const port = ['link', 'add', `port${number}`, 'netns', this.namespace, 'type', 'veth']
    this.lab.recordNamespace(namespace)
    await run('ip', ['netns', 'add', namespace])
    await run('ip', [...port, 'peer', 'name', 'eth0', 'netns', namespace])
    await ip(this.namespace, 'link', 'set', `port${number}`, 'master', 'br0', 'up')
    await ip(namespace, 'link', 'set', 'lo', 'up')
    await ip(namespace, 'link', 'set', 'eth0', 'up')
    await ip(namespace, 'address', 'add', `${addressOnSwitch(number)}/24`, 'dev', 'eth0')
    await ip(namespace, 'address', 'add', `${NETWORK6}:${number}/64`, 'dev', 'eth0', 'nodad')
    await ip(namespace, 'route', 'add', 'default', 'via', `${NETWORK}.254`)
    return namespace
  }

  /** Pulls the cable of a host, or plugs it in again. */
  async setCable(number: number, state: 'up' | 'down'): Promise<void> {
    await ip(this.namespace, 'link', 'set', `port${number}`, state)
  }
}

async function ip(namespace: string, ...args: readonly string[]): Promise<void> {
  await run('ip', ['-n', namespace, ...args])
}
