import type { Folder } from './folder-tree.ts'

/** A container that has a volume, from the answered Mount until its Unmount is sent, or its host's power fails. */
export type Container = {
  readonly host: string
  readonly name: string
  /** By which the engine asks. */
  readonly id: string
  /** The volume's, as the plugin noted it. */
  readonly volume: string | undefined
  readonly op: string
  readonly folder: Folder
  /** The store has it that this host has the volume. */
  isTold: boolean
  /** An operator took the volume from this host: nothing holds for this container any more. */
  isForfeited: boolean
}
