const MIB = 1024 * 1024
/** Up to here a disk is read from end to end. */
const ALL_UP_TO = 4096 * MIB
/** Compared while nothing else runs. */
export const LARGEST_PLACE = MIB
const ENDS = 8 * MIB
const STEPS_UP_TO = 64 * MIB
const STEP = 64 * 1024
const SAMPLES = 4096
const SAMPLE = 4096

export type Place = { readonly at: number; readonly length: number }

/** Reads a place; the bytes are used before the next one is asked for. */
export type Reader = (place: Place) => Promise<Buffer>

/** @returns where the first byte other than zero is, of those that are looked at from `from` on */
export async function findContent(
  size: number,
  from: number,
  read: Reader,
): Promise<number | undefined> {
  const blank = Buffer.alloc(LARGEST_PLACE)
  for (const place of placesToLook(size, from)) {
    const found = await read(place)
    if (found.equals(blank.subarray(0, found.length))) continue
    return place.at + found.findIndex(byte => byte !== 0)
  }
  return undefined
}

/**
 * In ascending order. Of a large disk: both ends, where file systems and tables have their signatures, every 64 KiB of
 * the first 64 MiB, and one place drawn from each of thousands of equal stretches.
 */
export function* placesToLook(size: number, from: number): Generator<Place> {
  if (size <= ALL_UP_TO) return yield* chunks(from, size)
  yield* chunks(from, Math.max(from, ENDS))
  yield* after(from, steps())
  yield* after(from, samples(size))
  yield* chunks(Math.max(from, size - ENDS), size)
}

function* chunks(from: number, to: number): Generator<Place> {
  for (let at = from; at < to; at += LARGEST_PLACE)
    yield { at, length: Math.min(LARGEST_PLACE, to - at) }
}

function* steps(): Generator<Place> {
  for (let at = ENDS; at < STEPS_UP_TO; at += STEP) yield { at, length: SAMPLE }
}

function* samples(size: number): Generator<Place> {
  const stretch = (size - ENDS - STEPS_UP_TO) / SAMPLES
  for (let index = 0; index < SAMPLES; index++) {
    const drawn = STEPS_UP_TO + (index + Math.random()) * stretch
    yield { at: drawn - (drawn % SAMPLE), length: SAMPLE }
  }
}

function* after(from: number, places: Iterable<Place>): Generator<Place> {
  for (const { at, length } of places) {
    const start = Math.max(from, at)
    if (start < at + length) yield { at: start, length: at + length - start }
  }
}
