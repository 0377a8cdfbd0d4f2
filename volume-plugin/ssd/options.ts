/** What a volume was asked to be, read from `-o`. */
export type SsdOptions = {
  /** At least, in bytes; the smallest disk that fits is taken. Undefined: any. */
  readonly size: number | undefined
  /** Labels that the disk must carry. */
  readonly require: Readonly<Record<string, string>>
  /** Arguments for mkfs.xfs, in a fixed order. */
  readonly mkfs: readonly string[]
  /** Options for mount(8), in a fixed order, beside those that every volume has. */
  readonly mount: readonly string[]
  /** Of the volume's root; undefined leaves what is there, and lets the engine copy what the image has. */
  readonly uid: number | undefined
  readonly gid: number | undefined
  readonly mode: number | undefined
  /** How long the data is kept after the volume was removed; undefined: RETAIN. */
  readonly retainMs: number | undefined
}
