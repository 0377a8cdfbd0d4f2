/** Puts another method in the place of one of a class; `make` gets the original, bound to the object it is called on. */
export function replaceMethod<T extends object, K extends keyof T>(
  prototype: T,
  name: K,
  make: (original: T[K], self: T) => T[K],
): void {
  const original = prototype[name]
  if (typeof original !== 'function') throw new Error(`${String(name)} is no method`)
  Object.defineProperty(prototype, name, {
    value(this: T, ...args: readonly unknown[]): unknown {
      const replaced: unknown = make(original.bind(this) as T[K], this)
      return Reflect.apply(replaced as () => unknown, this, args)
    },
  })
}
