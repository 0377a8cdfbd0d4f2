import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const ROOT = join(import.meta.dirname, '../..')
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8')

await t.test('every tool that the volume plugin runs is in its image', t => {
  const sources = globSync('volume-plugin/**/*.ts', { cwd: ROOT }).map(read)
  const calls = sources.flatMap(source => [
    ...source.matchAll(/(?:\bcommand|#run)\(\s*'([a-z][a-z.]+)'/g),
  ])
  const tools = new Set(calls.map(([, tool]) => tool ?? ''))
  t.ok(tools.has('mkfs.xfs') && tools.has('mount'), 'the tools are found')
  const [, copied = ''] = /copy-programs \/rootfs-tools ([^]*?\n)\n/.exec(read('Dockerfile')) ?? []
  for (const tool of tools) t.match(copied, new RegExp(`/usr/s?bin/${tool}\\s`), tool)
  t.end()
})
