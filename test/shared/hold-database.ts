/** Holds the database in the folder given open until its standard input ends: another process, for a test. */
import { once } from 'node:events'
import { argv, stdin, stdout } from 'node:process'
import { LevelDatabase } from '../../shared/level-database.ts'

const database = await LevelDatabase.open(argv[2] ?? '')
stdout.write('open\n')
await once(stdin.resume(), 'end')
await database.close()
