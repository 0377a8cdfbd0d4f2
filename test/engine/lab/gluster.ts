import { existsSync, mkdirSync } from 'node:fs'
import type { Host } from './host.ts'
import { OLDEST } from './releases.ts'
import { CommandFailed } from './run.ts'
import { until } from './until.ts'

const VOLUME = 'v0'

/** A shared mount point on each host, as a plugin needs it to see what is mounted below it later. */
export const SHARED = '/srv'
/** Where each host mounts the cluster file system. */
export const ROOT = `${SHARED}/cluster`

/** Why no cluster file system can run here; undefined where it can. */
export function whyNoGluster(): string | undefined {
  if (!existsSync('/dev/fuse')) return 'a cluster file system needs /dev/fuse'
  const missing = ['/usr/sbin/glusterd', '/sbin/mount.glusterfs'].filter(each => !existsSync(each))
  if (missing.length === 0) return undefined
  return `${missing.join(' and ')} are missing: install Debian's glusterfs-server and glusterfs-client`
}

/** GlusterFS with a brick on each host, so that each file is on all of them. Its clients are the same hosts. */
export class Gluster {
  readonly #hosts: readonly Host[]

  private constructor(hosts: readonly Host[]) {
    this.#hosts = hosts
  }

  /** A volume that is served, and mounted nowhere yet. */
  static async start(hosts: readonly Host[]): Promise<Gluster> {
    const gluster = new Gluster(hosts)
    await Promise.all(hosts.map(host => gluster.startOn(host)))
    const [first, ...others] = hosts
    if (!first) throw new Error('there are no hosts')
    for (const { address } of others) await ask(first, 'peer', 'probe', address)
    await until('the peers of gluster', 20_000, async () => {
      const connected = (await ask(first, 'pool', 'list')).match(/\bConnected\b/g)
      return connected?.length === hosts.length
    })
    const bricks = hosts.map(host => `${host.address}:${host.path('brick')}`)
    const copies = ['replica', String(hosts.length)]
    await ask(first, 'volume', 'create', VOLUME, ...copies, ...bricks, 'force')
    // A host that lost its power holds up the others for as long.
    await ask(first, 'volume', 'set', VOLUME, 'network.ping-timeout', '2')
    await ask(first, 'volume', 'start', VOLUME)
    return gluster
  }

  /** The daemon of a host that has just been booted; it starts the brick of the host, if there is one. */
  async startOn(host: Host): Promise<void> {
    for (const folder of ['brick', 'gluster-log']) mkdirSync(host.path(folder), { recursive: true })
    await host.run(['mount', '--bind', host.path('gluster-log'), '/var/log/glusterfs'])
    await host.run(['mount', '-t', 'tmpfs', 'srv', SHARED])
    await host.run(['mkdir', '-m', '0', ROOT])
    host.start(OLDEST, ['glusterd', '--no-daemon']).unref()
    await until(`gluster on ${host.name}`, 20_000, () => isServed(host))
  }

  /** As at boot: by the host's own address. */
  async mountOn(host: Host): Promise<void> {
    await until(`the brick of ${host.name} or another`, 20_000, async () => {
      try {
        await host.run(['mount', '-t', 'glusterfs', `${host.address}:/${VOLUME}`, ROOT])
        return true
      } catch (error) {
        if (error instanceof CommandFailed) return false
        throw error
      }
    })
  }

  async mountEverywhere(): Promise<void> {
    await Promise.all(this.#hosts.map(host => this.mountOn(host)))
  }

  async unmountOn(host: Host): Promise<void> {
    await host.run(['umount', ROOT])
  }

  /** kill -9 of the process that serves the files of the host. */
  async killBrickOn(host: Host): Promise<void> {
    await host.run(['bash', '-c', `kill -9 $(cat /run/gluster/vols/${VOLUME}/*.pid)`])
  }

  async restartBrickOn(host: Host): Promise<void> {
    await ask(host, 'volume', 'start', VOLUME, 'force')
  }
}

/** What the host has below the mount point itself, whatever is mounted there. */
export async function underneath(host: Host): Promise<string> {
  const look = `umount --lazy ${ROOT} 2>/dev/null; ls -A ${ROOT}`
  return await host.run(['unshare', '--mount', '--propagation', 'private', 'bash', '-c', look])
}

async function isServed(host: Host): Promise<boolean> {
  try {
    await ask(host, 'pool', 'list')
    return true
  } catch (error) {
    if (error instanceof CommandFailed) return false
    throw error
  }
}

async function ask(host: Host, ...command: readonly string[]): Promise<string> {
  return await host.run(['gluster', '--mode=script', ...command])
}
