/** What can be seen of a machine that a copy of its disk does not have; empty where nothing can. */
export type Fingerprint = {
  /** The product UUID of its firmware (DMI); '' where it tells none. */
  readonly product: string
  /** The hardware addresses that its interfaces were made with, in order. */
  readonly macs: readonly string[]
}

/** This host, as its records say. */
export type Host = {
  readonly id: string
  /** For people. */
  readonly name: string
  /** The kernel's id of the running boot. */
  readonly boot: string
  /** What was seen of the machine, for people who wonder which one it is. */
  readonly machine: Fingerprint
}
