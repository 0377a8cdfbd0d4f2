import type { Place } from './place.ts'

/** What a volume was asked to be, read from `-o`. */
export type ClusterOptions = {
  /** Whether one host at a time may have it mounted. */
  readonly access: 'shared' | 'exclusive'
  /** A folder that is there already and stays where it is, also when the volume is removed; undefined: Berth makes one. */
  readonly path: Place | undefined
  /** The application whose logs it is for: each host has a folder of its own in it. */
  readonly app: string | undefined
  /** Of a folder that Berth makes. */
  readonly uid: number | undefined
  readonly gid: number | undefined
  readonly mode: number | undefined
  /** How long the data is kept after the volume was removed; undefined: RETAIN. */
  readonly retainMs: number | undefined
}
