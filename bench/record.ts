import type { PoolId } from '../ipam-plugin/pool-id.ts'
import { write } from '../ipam-plugin/records.ts'

const uuid = '00000000-0000-4000-8000-000000000000'

/** The record of a used address, as long as the plugin writes it for a plain allocation. */
export const USED = write({
  state: 'used',
  pool: 'default~10.0.0.0/8~-' as PoolId,
  host: uuid,
  hostName: 'berth-00',
  generation: 1,
  op: uuid,
  boot: uuid,
  mac: '02:42:0a:00:00:01',
  since: new Date(0).toISOString(),
})
