import * as v from '@badrap/valita'
import type { Host } from './host.ts'

const Record = v.object({ users: v.record(v.unknown()) }).rest(v.unknown())

/** For each change that a volume's record ever went through in etcd: the hosts that had it mounted then. */
export async function holdersOf(host: Host, volume: string): Promise<readonly string[][]> {
  const key = `/berth/v1/volumes/${volume}`
  // It never ends by itself: what there was is told at once.
  const watch = ['timeout', '3', 'etcdctl', 'watch', '--rev=1', key]
  const told = await host.run(['bash', '-c', `${watch.join(' ')} || true`], {
    env: { ETCDCTL_API: '3', ETCDCTL_ENDPOINTS: `http://${host.address}:2379` },
  })
  return told
    .split('\n')
    .filter(line => line.startsWith('{'))
    .map(line => Object.keys(Record.parse(JSON.parse(line), { mode: 'strip' }).users))
}
