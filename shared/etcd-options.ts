/** Where etcd is, and how to speak to it. */
export type EtcdOptions = {
  /** `http://host:port` or `https://host:port`, all of one kind, of one cluster. */
  readonly endpoints: readonly string[]
  /** All keys are below `${prefix}/`. */
  readonly prefix: string
  /** PEM; @default the certificates that Node brings along */
  readonly ca?: string | Buffer | undefined
  /** PEM, with `key`. */
  readonly cert?: string | Buffer | undefined
  readonly key?: string | Buffer | undefined
  readonly username?: string | undefined
  readonly password?: string | undefined
  /** Told when an endpoint is left or found again, never once per call. */
  readonly log?: EtcdLog | undefined
}

export type EtcdLog = {
  info(facts: object, message: string): void
  warn(facts: object, message: string): void
}
