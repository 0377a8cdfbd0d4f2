import { dirname, join } from 'node:path'
import { measureCalls } from './disk-calls.ts'
import { measureMaking, measureMounting } from './disk-making.ts'
import { DISK_TOOLS, pathOf, whyNoContainers, whyNoDisks } from './disk-requirements.ts'
import { measureWriting } from './disk-writing.ts'
import { callsTable, countsTable, makingTable, mountingTable, writingTable } from './disk-tables.ts'
import type { Scope } from './scope.ts'

/** The plugin of volumes on disks, on loop devices. Returns how many answers were wrong: there is none, or this throws. */
export async function measureSsd(
  folder: string,
  print: (text: string) => void,
  scope: Scope,
): Promise<number> {
  const why = whyNoDisks(DISK_TOOLS)
  if (why !== undefined) {
    print(`Nothing is measured of volumes on disks: ${why}`)
    return 0
  }
  keepFoldersFindable(scope, folder)
  print(makingTable(await scope.part(part => measureMaking(part, join(folder, 'making')))))
  print(mountingTable(await scope.part(part => measureMounting(part, join(folder, 'mounting')))))
  const calls = await scope.part(part => measureCalls(part, join(folder, 'calls')))
  print(callsTable(calls.againstFloor))
  print(countsTable(calls.againstFew))
  const fio = pathOf('fio') ?? ''
  const whyNot = await whyNoContainers()
  if (whyNot === undefined) {
    print(writingTable(await scope.part(part => measureWriting(part, fio))))
  } else print(`Nothing is measured of writing in a container's volume: ${whyNot}`)
  return 0
}

/** Disks and engines of a run that was killed are removed by the next one, which looks for them where it makes its own. */
function keepFoldersFindable(scope: Scope, folder: string): void {
  const ours = process.env['TMPDIR']
  process.env['TMPDIR'] = dirname(dirname(folder))
  scope.teardown(async () => {
    process.env['TMPDIR'] = ours
  })
}
