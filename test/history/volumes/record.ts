/**
 * What happened to volumes in a run, as engines, containers and the operator saw it; the checker knows nothing else. Times
 * are milliseconds of one monotonic clock. Hosts go by their names. No name is given to two volumes.
 */
export type History = {
  readonly calls: readonly Call[]
  readonly holds: readonly Hold[]
  readonly events: readonly Event[]
  /** Every state that the store had each volume in, in order. */
  readonly states: readonly State[]
  /** After all was mended, and all containers stopped. */
  readonly left: readonly string[]
}

/** One request of an engine. One that could not be delivered at all is none. */
export type Call = {
  readonly host: string
  readonly volume: string
  readonly do: 'Create' | 'Remove' | 'Mount' | 'Unmount' | 'Get' | 'restore'
  readonly sent: number
  readonly ended: number
  readonly outcome: Outcome
}

/** `unknown`: no answer came, whatever was done. */
export type Outcome =
  | { readonly is: 'ok'; readonly mountpoint?: string }
  | { readonly is: 'refused' | 'unknown'; readonly why: string; readonly mountpoint?: never }

/** A container that had the volume: from the answered Mount until before its Unmount was sent. */
export type Hold = {
  readonly host: string
  readonly volume: string
  /** The same for those who have the same folder: of a volume for logs each host has one. */
  readonly folder: string
  readonly exclusive: boolean
  readonly from: number
  to: number
  /** The files that it found, and the one that it wrote before `wrote`. */
  readonly found: readonly string[]
  readonly mark: string
  wrote: number
}

/** The operator took the volume from the host: from then on its containers there are forfeited. */
export type Event = {
  readonly is: 'broken'
  readonly host: string
  readonly volume: string
  readonly at: number
}

export type State = {
  readonly volume: string
  readonly revision: string
  readonly exclusive: boolean
  readonly users: readonly string[]
}
