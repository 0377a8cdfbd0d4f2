import { join } from 'node:path'
import { AdminClient } from '../cli/client.ts'
import { oneVolume, volumes } from '../cli/volume-answers.ts'
import type { LoopDisk } from '../test/disks/loop-disk.ts'
import { run } from '../test/engine/lab/run.ts'
import { until } from '../test/engine/lab/until.ts'
import { request } from './connection.ts'
import type { Connection } from './connection.ts'
import { startAsShipped } from './plugin.ts'
import type { Scope } from './scope.ts'
import type { Server } from './server.ts'

const BLANK_WITHIN_MS = 120_000

/** The volume plugin with the manifest's flags and environment, and with disks that it may take. */
export class SsdPlugin {
  readonly server: Server
  readonly #disks: readonly LoopDisk[]
  readonly #connection: Connection
  readonly #admin: AdminClient

  private constructor(
    server: Server,
    disks: readonly LoopDisk[],
    connection: Connection,
    folder: string,
  ) {
    this.server = server
    this.#disks = disks
    this.#connection = connection
    this.#admin = new AdminClient(join(stateIn(folder), 'admin.sock'))
  }

  static async start(
    scope: Scope,
    folder: string,
    disks: readonly LoopDisk[] = [],
  ): Promise<SsdPlugin> {
    const settings = {
      MOUNT_ROOT: join(folder, 'mounts'),
      SSD_DEVICES: disks.map(({ node }) => node).join(','),
      SSD_ALLOW_LOOP: '1',
    }
    const manifest = 'volume-plugin/config.ssd.json'
    const server = await startAsShipped('volume-plugin/main.ts', folder, settings, manifest)
    scope.teardown(() => server[Symbol.asyncDispose]())
    const [connection] = await server.connections(1)
    if (!connection) throw new Error('A plugin is asked over a connection')
    // Held until the state is read.
    await connection.send(volumeRequest('List'))
    return new SsdPlugin(server, disks, connection, folder)
  }

  /** The answer's text. @throws {Error} with the plugin's reason where it refuses */
  async call(method: string, body: object = {}): Promise<string> {
    return await this.#connection.send(volumeRequest(method, body))
  }

  /** Removes a volume and what is on its disk. Ends when the disk may be taken again, and is as it was made. */
  async giveBack(Name: string): Promise<void> {
    await this.call('Remove', { Name })
    const { volume } = await this.#admin.post(`/v1/volumes/${Name}/wipe`, oneVolume)
    await until(`the wipe of ${Name}`, BLANK_WITHIN_MS, async () => {
      const left = await this.#admin.get('/v1/volumes', volumes)
      return !left.volumes.some(({ claim }) => claim === volume.claim)
    })
    await Promise.all(this.#disks.map(blank))
  }
}

/** Nothing of it takes any room in its file. */
export async function blank({ node }: LoopDisk): Promise<void> {
  await run('blkdiscard', [node])
}

export function volumeRequest(method: string, body: object = {}): Buffer {
  return request(method, body, 'VolumeDriver')
}

export const stateIn = (folder: string): string => join(folder, 'berth', 'ssd')
