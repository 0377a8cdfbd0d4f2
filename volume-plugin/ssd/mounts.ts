import type { Disk } from './disk.ts'

/** File systems of this host, as this process mounts and sees them. */
export interface Mounts {
  /** All that are mounted, the last of those on one mount point only. */
  list(): Promise<readonly Mounted[]>

  /**
   * Mounts the XFS of `disk` on `at`, an existing folder, and proves that it is that device that is there now.
   *
   * @throws {Refusal} `not-mounted`; then nothing is mounted
   */
  mount(disk: Disk, at: string, options: readonly string[]): Promise<void>

  /** Never lazily. Busy: somebody has a file of it open here. */
  unmount(at: string): Promise<'unmounted' | 'busy' | 'not-mounted'>
}

export type Mounted = {
  readonly at: string
  /** `259:0`. */
  readonly device: string
  readonly type: string
  readonly isReadOnly: boolean
}
