import { once } from 'node:events'
import { diskNamed, held } from './hold.ts'

// Holds the disk that it is given the name of, says so, and formats it as soon as it is told anything.
const hold = await held({ teardown: () => {} }, await diskNamed(process.argv[2] ?? ''))
process.stdout.write('held\n')
await once(process.stdin, 'data')
const uuid = '11111111-2222-4333-8444-555555555555'
await hold.format({ uuid, label: 'berth-0a1b2c', force: false, options: [] })
