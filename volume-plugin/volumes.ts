import type { VolumeName } from './volume-name.ts'

/** What the volume driver stands on, whatever a volume is. Names are valid; what cannot be had is refused. */
export interface Volumes {
  readonly scope: 'local' | 'global'
  /**
   * The same name with the same options again is fine.
   *
   * @param options as given by `-o`
   */
  create(name: VolumeName, options: Readonly<Record<string, string>>): Promise<void>
  /** Of an unknown name nothing is to do. */
  remove(name: VolumeName): Promise<void>
  /** @returns the path of the volume's root, as this process sees it */
  mount(name: VolumeName, id: string, caller: AbortSignal): Promise<string>
  /** Of an unknown name or id nothing is to do. */
  unmount(name: VolumeName, id: string): Promise<void>
  /**
   * From what is in memory, where that knows the volume: the engine asks before each of its calls.
   *
   * @returns undefined where there is no such volume: the engine forgets it
   * @throws {DropConnection} where that cannot be known
   */
  get(name: VolumeName): Promise<Volume | undefined>
  /** As `get`; asked often, so that it is only what the engine takes of it. */
  list(): Promise<readonly Pick<Volume, 'name' | 'mountpoint'>[]>
}

export type Volume = {
  readonly name: VolumeName
  /** Where it is mounted, else undefined. */
  readonly mountpoint: string | undefined
  /** RFC 3339. */
  readonly created: string
  /** For people, in `docker volume inspect`. */
  readonly status: Readonly<Record<string, unknown>>
}
