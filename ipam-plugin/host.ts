/** This host, as its records say. */
export type Host = {
  readonly id: string
  /** For people. */
  readonly name: string
  /** The kernel's id of the running boot. */
  readonly boot: string
}
