/**
 * An answer that is "no": the caller asked for something that cannot be had. Everything else that is thrown is a bug
 * or an outage. Codes are stable; sentences say what was asked, what stands against it, and what would help.
 */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: RefusalCode

  constructor(code: RefusalCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

export type RefusalCode =
  | 'bad-request'
  | 'bad-option'
  | 'bad-subnet'
  | 'unknown-pool'
  | 'pool-overlaps'
  | 'pool-conflict'
  | 'pool-full'
  | 'pool-lost'
  | 'no-default-pool'
  | 'address-in-use'
  | 'address-reserved'
  | 'address-outside-pool'
  | 'too-many-shared'
  | 'unsupported'
  | 'not-ready'
  | 'unknown-host'
  | 'host-alive'
  | 'caller-gone'
  | 'unknown-volume'
  | 'volume-exists'
  | 'volume-in-use'
  | 'no-free-disk'
  | 'claiming-off'
  | 'unknown-disk'
  | 'disk-busy'
  | 'disk-not-blank'
  | 'disk-failed'
  | 'not-mounted'
  | 'cluster-away'
  | 'held-elsewhere'
  | 'deadline'
