/** How often a host gives a sign of life. */
export const BEAT_EVERY_MS = 30_000

/** A host that gave none for three beats is taken to be silent; before that, to be alive. */
export const SILENT_AFTER_MS = 3 * BEAT_EVERY_MS
