import type { Test } from 'tap'
import type { LinuxFiles } from '../../../../volume-plugin/cluster/linux-files.ts'
import { ID } from './world.ts'
import type { FilesWorld } from './world.ts'

export const PLAIN = { uid: undefined, gid: undefined, mode: undefined }
export const WEB = ['volumes', 'web']
export const AWAY = { code: 'cluster-away' }

/** All that asks the file system is refused with `cluster-away`, and these words. */
export async function allRefused(t: Test, world: FilesWorld, files: LinuxFiles, why: RegExp) {
  const expected = { ...AWAY, message: why }
  const calls: readonly Promise<unknown>[] = [
    files.check(),
    files.init(ID),
    files.make(WEB, PLAIN),
    files.bind(WEB, world.at('web')),
    files.move(WEB, ['.berth', 'parked', '1']),
    files.folders(['volumes']),
    files.destroy(['.berth', 'parked', '1']),
  ]
  await Promise.all(
    calls.map(call =>
      t.rejects(
        call.then(() => {}),
        expected,
      ),
    ),
  )
}
