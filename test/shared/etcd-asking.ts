/**
 * Asks the store at the endpoint given for something, whatever comes of it; then nothing is left to do. With `close` as
 * a second argument it closes the store first.
 */
import { EtcdStore } from '../../shared/etcd-store.ts'

const [url = '', close] = process.argv.slice(2)
const store = new EtcdStore({ endpoints: [url], prefix: '/closing' })
await store.get('a').catch(() => undefined)
if (close) await store.close()
process.stdout.write('done\n')
