import * as v from '@badrap/valita'
import type { LevelDatabase } from '../shared/level-database.ts'
import type { NoteBook, Notes } from './notes.ts'

const KEY = 'journal/registration'

const notes: v.Type<Notes> = v.object({
  history: v.string(),
  generation: v.number(),
  nonces: v.array(v.string()),
  formerNonces: v.array(v.string()),
  beat: v.number(),
  boot: v.string(),
  recovery: v.object({ id: v.string(), number: v.number() }).optional(),
})

/** The notes in LevelDB, beside the journal: whoever loses one loses both. */
export class LevelNotes implements NoteBook {
  readonly #database: LevelDatabase

  constructor(database: LevelDatabase) {
    this.#database = database
  }

  async read(): Promise<Notes | undefined> {
    const text = this.#database.get(KEY)
    if (text === undefined) return undefined
    try {
      return notes.parse(JSON.parse(text), { mode: 'strip' })
    } catch (cause) {
      const why = (cause as Error).message
      throw new Error(`The entry ${KEY} cannot be read: ${why}; restore the state from a backup`, {
        cause,
      })
    }
  }

  async write(value: Notes): Promise<void> {
    await this.#database.write([{ type: 'put', key: KEY, value: JSON.stringify(value) }], {
      sync: true,
    })
  }
}
