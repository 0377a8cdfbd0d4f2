import t from 'tap'
import { hostsOf } from './host.ts'

await t.test('a host stops in order though what it was doing fails', async t => {
  const [a] = await hostsOf(t, ['a'])
  const [asked, broken] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  a.cluster.catalogue.list = async () => {
    asked.resolve()
    await broken.promise
    throw new Error('It broke')
  }
  const tended = t.rejects(a.cluster.tend(), { message: 'It broke' })
  await asked.promise
  const stopped = t.resolves(a.cluster.idle())
  broken.resolve()
  await stopped
  await tended
})
