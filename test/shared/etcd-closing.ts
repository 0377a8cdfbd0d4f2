/** Asks the store at the endpoint given for something, whatever comes of it, and closes it; then nothing is left to do. */
import { EtcdStore } from '../../shared/etcd-store.ts'

const store = new EtcdStore({ endpoints: process.argv.slice(2), prefix: '/closing' })
await store.get('a').catch(() => undefined)
await store.close()
process.stdout.write('closed\n')
