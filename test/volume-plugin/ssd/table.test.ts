import { t as file } from 'tap'
import { canUseDisks } from '../../disks/requirements.ts'
import { pluginFolder, VolumePlugin } from '../process.ts'
import { CONTENTS } from './table/contents.ts'
import { USES, WITHOUT_PRIVILEGES } from './table/uses.ts'

file.setTimeout(300_000)
file.jobs = 3

if (canUseDisks()) {
  for (const { is, says, shows = says, make } of [...CONTENTS, ...USES]) {
    void file.test(`a disk ${is} is not taken, and not written`, async t => {
      const disks = await make(t)
      const before = await Promise.all(disks.map(disk => disk.checksum()))
      const folder = await pluginFolder(t)
      const plugin = await VolumePlugin.start(t, folder, { disks, through: WITHOUT_PRIVILEGES })
      const { status, body } = await plugin.create('data')
      t.equal(status, 500)
      for (const { name, node } of disks) {
        t.match(body['Err'], new RegExp(`${name}, .*${says.source}`), 'the engine is told why')
        const { state, reasons } = await plugin.disk(node)
        t.not(state, 'free')
        t.match(reasons.map(({ text }) => text).join('; '), shows, 'so is the operator')
      }
      t.strictSame(await plugin.names(), [])
      await plugin.end('SIGTERM')
      t.strictSame(await Promise.all(disks.map(disk => disk.checksum())), before)
    })
  }
}
