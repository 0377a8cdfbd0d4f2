import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { openLog } from '../shared/log.ts'
import { servePlugin } from '../shared/plugin-server.ts'

/**
 * The floor of what a volume plugin answers from memory: the same server, the same log, and answers that are there
 * already, by method.
 */
const { ANSWERS = '', PLUGIN_SOCKET = '' } = process.env
const text = await readFile(ANSWERS, 'utf8')
const answers = Object.entries(JSON.parse(text) as Readonly<Record<string, object>>)

const server = await servePlugin({
  socket: PLUGIN_SOCKET,
  log: openLog('info'),
  bodiless: [],
  methods: Object.fromEntries(answers.map(([name, answer]) => [name, () => answer])),
})
await once(process, 'SIGTERM')
await server.close(1000)
