import t from 'tap'
import { parseMountinfo } from '../../../../shared/mountinfo.ts'
import { lookAtRoot } from '../../../../volume-plugin/cluster/root.ts'

const TOP = '152 1 0:30 / / rw - overlay overlay rw'
const FOLDER = '207 152 254:0 /mnt /cluster rw,relatime - ext4 /dev/vda rw'

await t.test('of a file system directly below / nobody is told to pass on all of the host', t => {
  const settings = { root: '/data', mount: '/cluster', types: ['nfs4'] }
  const { ok, why = '' } = lookAtRoot(settings, parseMountinfo(`${TOP}\n${FOLDER}`)).view
  t.notOk(ok)
  t.match(why, /mount it below one, such as \/mnt\/data, and set CLUSTER_ROOT to that/)
  t.notMatch(why, /--rbind|--make-rshared|cluster\.source=\/(?![a-z])/)
  t.end()
})
