import { DropConnection } from '../shared/plugin-server.ts'
import type { Call, Methods } from '../shared/plugin-server.ts'
import { Refusal } from '../shared/refusal.ts'
import { requireVolumeName, volumeName } from './volume-name.ts'
import type { Volume, Volumes } from './volumes.ts'
import * as wire from './wire.ts'

/** The engine sends no body to be read with these. */
export const BODILESS = [
  'Plugin.Activate',
  'VolumeDriver.Capabilities',
  'VolumeDriver.List',
] as const

/**
 * The engine's protocol for volumes (moby, daemon/volume/drivers). To any error of Get the engine answers by forgetting
 * the volume, with its labels and who uses it (lookupVolume, daemon/volume/service/store.go), so that what is not known
 * to be "no" is a dropped connection.
 *
 * @param started resolves once requests can be served; throws a Refusal that says why not yet
 */
export function volumeMethods(scope: Volumes['scope'], started: () => Promise<Volumes>): Methods {
  return {
    'Plugin.Activate': () => ({ Implements: ['VolumeDriver'] }),
    'VolumeDriver.Capabilities': (): wire.Capabilities => ({ Capabilities: { Scope: scope } }),
    'VolumeDriver.Get': async (body, call) =>
      await orDrop(async () => await get(await started(), body, call)),
    'VolumeDriver.List': async () => await orDrop(async () => await list(await started())),
    'VolumeDriver.Path': async (body, call) =>
      await orDrop(async () => await path(await started(), body, call)),
    'VolumeDriver.Create': async (body, call) => {
      const { Name, Opts } = wire.readCreate(body)
      call.note({ volume: Name })
      const name = requireVolumeName(Name)
      await (await running(started)).create(name, Opts)
      return {}
    },
    'VolumeDriver.Remove': async (body, call) => {
      const { Name } = wire.readNamed(body)
      call.note({ volume: Name })
      const name = volumeName(Name)
      const volumes = await running(started)
      if (name !== undefined) await volumes.remove(name)
      return {}
    },
    'VolumeDriver.Mount': async (body, call): Promise<wire.MountAnswer> => {
      const { Name, ID } = wire.readMount(body)
      call.note({ volume: Name, id: ID })
      const name = requireVolumeName(Name)
      const Mountpoint = await (await running(started)).mount(name, ID, call.caller)
      return { Mountpoint }
    },
    'VolumeDriver.Unmount': async (body, call) => {
      const { Name, ID } = wire.readMount(body)
      call.note({ volume: Name, id: ID })
      const name = volumeName(Name)
      const volumes = await running(started)
      if (name !== undefined) await volumes.unmount(name, ID)
      return {}
    },
  }
}

async function get(volumes: Volumes, body: unknown, call: Call): Promise<wire.GetAnswer> {
  const { mountpoint, name, created, status } = await require(volumes, body, call)
  const mounted = mountpoint === undefined ? {} : { Mountpoint: mountpoint }
  return { Volume: { Name: name, ...mounted, CreatedAt: created, Status: status } }
}

async function path(volumes: Volumes, body: unknown, call: Call): Promise<wire.MountAnswer> {
  return { Mountpoint: (await require(volumes, body, call)).mountpoint ?? '' }
}

async function list(volumes: Volumes): Promise<wire.ListAnswer> {
  return {
    Volumes: (await volumes.list()).map(({ name, mountpoint }) => ({
      Name: name,
      ...(mountpoint === undefined ? {} : { Mountpoint: mountpoint }),
    })),
  }
}

/** @throws {Refusal} `unknown-volume`, the one answer that the engine may take as a "no" */
async function require(volumes: Volumes, body: unknown, call: Call): Promise<Volume> {
  const { Name } = wire.readNamed(body)
  call.note({ volume: Name })
  const name = volumeName(Name)
  const volume = name === undefined ? undefined : await volumes.get(name)
  if (volume) return volume
  throw new Refusal('unknown-volume', `no such volume: ${Name}`)
}

async function orDrop<T>(answer: () => Promise<T>): Promise<T> {
  try {
    return await answer()
  } catch (cause) {
    if (cause instanceof Refusal && cause.code === 'unknown-volume') throw cause
    if (cause instanceof DropConnection) throw cause
    throw new DropConnection(`Not known: ${(cause as Error).message}`, { cause })
  }
}

/** While the state is not read, nobody knows whether what is asked was done already. */
async function running(started: () => Promise<Volumes>): Promise<Volumes> {
  try {
    return await started()
  } catch (cause) {
    throw new DropConnection(`Not ready: ${(cause as Error).message}`, { cause })
  }
}
