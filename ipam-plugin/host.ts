import type { Fingerprint } from './fingerprint.ts'

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
