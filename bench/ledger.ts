/** Addresses as they were answered: one that is answered again before it was given back is a duplicate. */
export class Ledger {
  readonly #held = new Set<string>()
  readonly faults: string[] = []
  answers = 0
  duplicates = 0
  errors = 0

  get held(): ReadonlySet<string> {
    return this.#held
  }

  /** @param body the answer to RequestAddress */
  gave(body: string): void {
    const address = addressIn(body)
    this.answers += 1
    if (this.#held.has(address)) {
      this.duplicates += 1
      this.faults.push(`${address} was answered twice`)
    }
    this.#held.add(address)
  }

  /** To be told before the release is sent: from then on somebody else may be given it. */
  givesBack(body: string): void {
    this.#held.delete(addressIn(body))
  }

  failed(error: unknown): void {
    this.errors += 1
    this.faults.push(error instanceof Error ? error.message : String(error))
  }
}

/** Without the length of its subnet. */
export function addressIn(body: string): string {
  const { Address } = JSON.parse(body) as { Address: string }
  return Address.replace(/\/.*/, '')
}
