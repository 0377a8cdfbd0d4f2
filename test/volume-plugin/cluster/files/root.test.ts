import t from 'tap'
import { parseMountinfo } from '../../../../shared/mountinfo.ts'
import { lookAtRoot } from '../../../../volume-plugin/cluster/root.ts'

const types = ['fuse.glusterfs', 'nfs4']
const look = (root: string, mount: string, ...lines: string[]) =>
  lookAtRoot({ root, mount, types }, parseMountinfo(lines.join('\n'))).view

const TOP = '152 1 0:30 / / rw - overlay overlay rw'
const SHARED = '207 152 254:0 /srv /cluster rw,relatime master:6 - ext4 /dev/vda rw'
const PLAIN = '170 152 254:0 /srv /cluster rw,relatime - ext4 /dev/vda rw'
const DATA = '208 207 0:55 / /cluster/data rw master:61 - fuse.glusterfs 10.8.0.1:/v0 rw'

await t.test('outside a plugin the path is what it is', t => {
  const gluster = '9 1 0:55 / /mnt/data rw - fuse.glusterfs 10.8.0.1:/v0 rw'
  t.strictSame(look('/mnt/data', '', TOP, gluster), {
    root: '/mnt/data',
    at: '/mnt/data',
    type: 'fuse.glusterfs',
    source: '10.8.0.1:/v0',
    ok: true,
    why: undefined,
  })
  t.match(look('/mnt/data/', '', TOP, gluster), { ok: true })
  t.match(look('/mnt/data2', '', TOP, gluster), { ok: false, at: undefined, why: /Nothing is mo/ })
  t.match(look('', '', TOP, gluster), { ok: false, why: /CLUSTER_ROOT is empty/ })
  t.end()
})

await t.test('in a plugin it is below the folder that was passed on, whichever that is', t => {
  t.match(look('/srv/data', '/cluster', TOP, SHARED, DATA), { ok: true, at: '/cluster/data' })
  const deep = '208 207 0:55 / /cluster/srv/data rw - nfs4 server:/ rw'
  t.match(look('/srv/data', '/cluster', TOP, SHARED, deep), { ok: true, at: '/cluster/srv/data' })
  const both = look('/srv/data', '/cluster', TOP, SHARED, DATA, deep)
  t.match(both, { ok: true, at: '/cluster/srv/data' }, 'the one that says more')
  t.match(look('/srv/data', '/cluster', TOP, SHARED), { ok: false, why: /Nothing is mounted on/ })
  t.end()
})

await t.test('what is wrong with what is mounted there is said', t => {
  const wrong = '208 207 0:55 / /cluster/data rw - ext4 /dev/vdb ro'
  const { why = '', at } = look('/srv/data', '/cluster', TOP, SHARED, wrong)
  t.equal(at, '/cluster/data')
  t.match(why, /ext4 \(\/dev\/vdb\).*CLUSTER_FSTYPE allows fuse\.glusterfs nfs4/)
  const readOnly = '208 207 0:55 / /cluster/data ro - nfs4 server:/ rw'
  t.match(look('/srv/data', '/cluster', TOP, SHARED, readOnly), { ok: false, why: /read-only/ })
  t.end()
})

await t.test('where nothing would arrive, the commands that mend it are told', t => {
  const commands = /"mount --rbind \/srv \/srv" and "mount --make-rshared \/srv".*source=\/srv/
  t.match(look('/srv/data', '/cluster', TOP, PLAIN), { ok: false, why: commands })
  t.match(look('/srv/data', '/cluster', TOP, PLAIN, DATA), { ok: false, why: commands }, 'stale')
  const other = '170 152 254:1 / /cluster rw - xfs /dev/vdb rw'
  t.match(look('/srv/data', '/cluster', TOP, other), { why: commands }, 'the folder above')
  const deep = '170 152 254:0 /srv /cluster rw - ext4 /dev/vda rw'
  t.match(look('/srv/a/data', '/cluster', TOP, deep), { why: commands }, 'as mountinfo has it')
  const unplugged = SHARED.replace('master:6', 'shared:6')
  t.match(look('/srv/data', '/cluster', TOP, unplugged, DATA), { ok: true })
  t.end()
})

await t.test('the mount point itself is not what is to be passed on', t => {
  const itself = '202 152 0:55 / /cluster rw master:60 - fuse.glusterfs 10.8.0.1:/v0 rw'
  const { ok, why = '' } = look('/srv/data', '/cluster', TOP, itself)
  t.notOk(ok)
  t.match(why, /was given the mount point itself \(fuse\.glusterfs\).*cluster\.source to \/srv/)
  t.end()
})
