/** How things are named, and how much of a name is one. */
export type Naming<T> = {
  readonly id: (each: T) => string
  readonly name: (each: T) => string
  /** So many characters of an id are a beginning of it; undefined: none, since nobody is asked whether that one is meant. */
  readonly least: number | undefined
}

/** All that could be meant: by the id, else by the name, else by the beginning of the id. */
export function meantBy<T>(all: readonly T[], wanted: string, naming: Naming<T>): readonly T[] {
  const { id, name, least } = naming
  const mayBegin = least !== undefined && wanted.length >= least
  const ways = [
    all.filter(each => id(each) === wanted),
    all.filter(each => name(each) === wanted),
    all.filter(each => mayBegin && id(each).startsWith(wanted)),
  ]
  return ways.find(meant => meant.length > 0) ?? []
}
