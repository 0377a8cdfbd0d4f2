import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ProcessId } from './processes.ts'
import { ownRecord, PREFIX, removeLab, removeLeftovers, writeRecord } from './record.ts'

/** A test, as far as a lab needs to know it. */
export type Scope = { teardown(work: () => Promise<void>): unknown }

/** A folder and a list of all that a test makes on this machine, to be removed when it ends, however it ends. */
export class Lab {
  readonly folder = mkdtempSync(join(tmpdir(), PREFIX))
  #record = ownRecord()

  private constructor() {
    writeRecord(this.folder, this.#record)
  }

  static async open(scope: Scope): Promise<Lab> {
    await removeLeftovers()
    const lab = new Lab()
    const removeOnSignal = (): void => {
      lab.remove().then(
        () => process.exit(130),
        () => process.exit(131),
      )
    }
    process.once('SIGINT', removeOnSignal)
    process.once('SIGTERM', removeOnSignal)
    scope.teardown(async () => {
      process.off('SIGINT', removeOnSignal)
      process.off('SIGTERM', removeOnSignal)
      await lab.remove()
    })
    return lab
  }

  /** Unique on this machine, and short enough for what the kernel names. */
  get id(): string {
    return this.folder.slice(-6)
  }

  /** Call it before the namespace is made, so that nothing is ever made unrecorded. */
  recordNamespace(name: string): void {
    this.#record = { ...this.#record, namespaces: [...this.#record.namespaces, name] }
    writeRecord(this.folder, this.#record)
  }

  recordProcess(id: ProcessId): void {
    this.#record = { ...this.#record, processes: [...this.#record.processes, id] }
    writeRecord(this.folder, this.#record)
  }

  remove(): Promise<void> {
    return removeLab(this.folder, this.#record)
  }
}
