/**
 * What this host remembers of its registration in the store, across restarts and power cuts: by it a host knows its own
 * record from a copy's, and a store that was set back from the one it registered with.
 */
export interface NoteBook {
  /** Undefined: this host never registered, or lost its notes. */
  read(): Promise<Notes | undefined>

  /** Synced. @throws {StoreUnavailable | OutcomeUnknown} */
  write(notes: Notes): Promise<void>
}

export type Notes = {
  /** Of the store that this host registered with. */
  readonly history: string
  /** Under which all that the journal holds was claimed; 0 before the first registration has succeeded. */
  readonly generation: number
  /** Every one that may stand in the host's record; the last is the one written last. */
  readonly nonces: readonly string[]
  /** Some that stood there before: a store that has one of them was set back. */
  readonly formerNonces: readonly string[]
  /** The last sign of life that is known to have arrived. */
  readonly beat: number
  /** The boot whose start has released what earlier boots left. */
  readonly boot: string
  /** The last recovery that this host took part in, or found over when it registered. */
  readonly recovery?: { readonly id: string; readonly number: number } | undefined
}
