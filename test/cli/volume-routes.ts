import * as v from '@badrap/valita'
import type { Routes } from '../../shared/admin-server.ts'
import { Refusal } from '../../shared/refusal.ts'
import { recorded } from './world.ts'

/** A stand-in for the volume plugin's admin API: what it would show, and what it is asked to change. */

const GIB = 1024 ** 3
const HOUR = 3_600_000

export const SELF = {
  host: 'a1b2',
  name: 'rack1-01',
  state: 'ready',
  claiming: { on: true },
  missing: [],
}

const onDisk = (device: string | undefined, serial: string) => ({
  key: `key-of-${serial}`,
  ...(device === undefined ? {} : { device }),
  model: 'Fast SSD',
  serial,
  wwid: `eui.${serial.toLowerCase()}`,
  size: 400 * GIB,
})

export const volume = (name: string, state: string, rest: object = {}) => ({
  name,
  claim: `claim-of-${name}`,
  state,
  created: '2026-01-02T03:04:05.000Z',
  size: 399.5 * GIB,
  fsUuid: '6f8f6b1e-0d5f-4a0c-9d55-0c1c2f6f1a11',
  mounts: {},
  options: {},
  labels: { class: 'nvme' },
  disk: onDisk('nvme0n1', 'S1'),
  ...rest,
})

export const VOLUMES = [
  volume('db', 'ready', {
    mountpoint: '/mnt/claim-of-db/data',
    mounts: { c0ffee: 2, decaf: 1 },
    options: { size: '300GiB', require: 'class=nvme' },
    later: 'a field of another version',
  }),
  volume('old', 'parked', {
    parked: { since: new Date(Date.now() - 30 * HOUR).toISOString(), leftMs: 138 * HOUR },
    disk: onDisk(undefined, 'S2'),
  }),
  volume('gone', 'wiping', {
    wiping: { part: 'body', offset: 50 * GIB },
    disk: onDisk('nvme2n1', 'S3'),
  }),
  volume('odd', 'quarantined', {
    problem: 'its mark should be there; found: gpt',
    disk: onDisk('nvme3n1', 'S4'),
  }),
]

export const disk = (device: string, serial: string, state: string, rest: object = {}) => ({
  ...onDisk(device, serial),
  device,
  node: `/dev/${device}`,
  transport: 'nvme',
  labels: { transport: 'nvme', class: 'nvme' },
  state,
  reasons: [],
  ...rest,
})

export const DISKS = [
  disk('nvme0n1', 'S1', 'claimed', {
    volume: { name: 'db', state: 'ready', claim: 'claim-of-db' },
    reasons: [
      { code: 'claimed', text: 'it is the volume db' },
      { code: 'mounted', text: 'it is mounted on /mnt' },
    ],
  }),
  disk('nvme1n1', 'S5', 'free'),
  disk('sda', '', 'used', {
    wwid: 'naa.5000',
    transport: 'sata',
    reasons: [
      { code: 'not-allowed', text: 'it is not in SSD_DEVICES' },
      { code: 'signatures', text: 'gpt was found on it' },
    ],
  }),
  disk('loop40', 'loop:/tmp/disk', 'used', { key: 'key-of-loop', wwid: '', transport: 'loop' }),
  { ...disk('sdb', '', 'used', { wwid: '', transport: 'usb' }), key: undefined },
]

const labelsBody = v.object({ set: v.record(v.string()), remove: v.array(v.string()) })

/** The routes, and what those that change something were asked: method, path's parameters and body. */
export function volumeRoutes() {
  const one = recorded(({ params }) => ({ volume: named(params['name']) }))
  const restored = recorded(({ params }) => ({
    volume: { ...named(params['name']), state: 'ready' },
  }))
  const wiped = recorded(({ params }) => ({
    volume: { ...named(params['name']), state: 'wiping' },
  }))
  const forgotten = recorded(({ params }) => ({ id: 'claim', name: params['name'] }))
  const adopted = recorded(() => ({ volume: volume('back', 'ready') }))
  const labelled = recorded(({ params, body }) => {
    const { set, remove } = labelsBody.parse(body)
    const found = DISKS.find(({ device }) => device === params['disk'])
    const labels = Object.entries({ ...found?.labels, ...set })
    const left = labels.filter(([name]) => !remove.includes(name))
    return { disk: { ...found, labels: Object.fromEntries(left) } }
  })
  const diskWiped = recorded(({ params }) => ({
    disk: { ...DISKS.find(({ key }) => key === params['disk']), state: 'claimed' },
  }))
  const routes: Routes = {
    'GET /v1/self': async () => SELF,
    'GET /v1/volumes': async () => ({ volumes: VOLUMES }),
    'GET /v1/volumes/:name': one.route,
    'POST /v1/volumes/:name/restore': restored.route,
    'POST /v1/volumes/:name/wipe': wiped.route,
    'POST /v1/volumes/:name/forget': forgotten.route,
    'POST /v1/adopt': adopted.route,
    'GET /v1/disks': async () => ({ disks: DISKS }),
    'POST /v1/disks/:disk/labels': labelled.route,
    'POST /v1/disks/:disk/wipe': diskWiped.route,
  }
  return { routes, restored, wiped, forgotten, adopted, labelled, diskWiped }
}

function named(name: string | undefined) {
  const found = VOLUMES.find(each => each.name === name || each.claim === name)
  if (found) return found
  throw new Refusal('unknown-volume', `There is no volume ${name} on this host`)
}
