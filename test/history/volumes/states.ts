import { Etcd3 } from 'etcd3'
import { readVolume } from '../../../volume-plugin/cluster/cluster-records.ts'
import type { VolumeRecord } from '../../../volume-plugin/cluster/volume-record.ts'
import type { State } from './record.ts'

const VOLUMES = '/berth/v1/volumes/'
/** Nothing more comes for so long: all has come. */
const QUIET_MS = 1500

/** Every state that etcd ever had a volume in: nothing was compacted. */
export async function statesOf(endpoints: readonly string[]): Promise<readonly State[]> {
  const etcd = new Etcd3({ hosts: [...endpoints] })
  const states: State[] = []
  try {
    const watcher = await etcd.watch().prefix(VOLUMES).startRevision('1').create()
    let last = performance.now()
    watcher.on('put', ({ key, value, mod_revision: revision }) => {
      last = performance.now()
      const record = readVolume({ key: key.toString(), value: value.toString() })
      states.push({ ...stateOf(record), revision })
    })
    while (performance.now() - last < QUIET_MS)
      await new Promise(resolve => setTimeout(resolve, 50))
    await watcher.cancel()
    return states
  } finally {
    etcd.close()
  }
}

function stateOf({ name, options, users }: VolumeRecord): Omit<State, 'revision'> {
  const hosts = Object.values(users).map(user => user.name)
  return { volume: name, exclusive: options.access === 'exclusive', users: hosts }
}
