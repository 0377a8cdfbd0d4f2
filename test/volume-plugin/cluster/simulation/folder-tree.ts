import { Refusal } from '../../../../shared/refusal.ts'
import type { Attributes, ClusterId } from '../../../../volume-plugin/cluster/cluster-files.ts'
import { OWN, pathOf } from '../../../../volume-plugin/cluster/place.ts'
import type { Place } from '../../../../volume-plugin/cluster/place.ts'

/** A folder is known by itself: whoever has it mounted keeps it wherever it is moved. */
export class Folder {
  readonly folders = new Map<string, Folder>()
  readonly files = new Set<string>()
  attributes = { uid: 0, gid: 0, mode: 0o755 }

  get isEmpty(): boolean {
    return this.folders.size + this.files.size === 0
  }
}

/** What is on the cluster file system, the same for all hosts. Each change is one of a moment. */
export class FolderTree {
  readonly root = new Folder()
  id: ClusterId | undefined
  /** Told before a folder and all in it is destroyed. */
  onDestroy: (place: Place, folder: Folder) => void = () => {}

  find(place: Place): Folder | undefined {
    return place.reduce<Folder | undefined>((at, name) => at?.folders.get(name), this.root)
  }

  reach(place: Place): Folder {
    return place.reduce<Folder>((at, name) => {
      const there = at.folders.get(name) ?? new Folder()
      at.folders.set(name, there)
      return there
    }, this.root)
  }

  make(place: Place, attributes: Attributes): void {
    const folder = this.reach(place)
    if (!folder.isEmpty) {
      throw new Refusal('volume-exists', `The folder ${pathOf(place)} has files in it`)
    }
    const { uid, gid, mode } = folder.attributes
    folder.attributes = {
      uid: attributes.uid ?? uid,
      gid: attributes.gid ?? gid,
      mode: attributes.mode ?? mode,
    }
  }

  /** As rename(2): what is empty at the new place is replaced. */
  move(from: Place, to: Place): 'moved' | 'gone' {
    const [above, name] = split(from)
    const folder = this.find(from)
    if (!folder) return 'gone'
    const [aboveNew, newName] = split(to)
    const target = this.reach(aboveNew)
    if (target.folders.get(newName)?.isEmpty === false) {
      throw new Refusal('volume-exists', `The folder ${pathOf(to)} is there and has files in it`)
    }
    this.find(above)?.folders.delete(name)
    target.folders.set(newName, folder)
    return 'moved'
  }

  /** @param isWhole false: the deadline came when half of it was gone */
  destroy(place: Place, isWhole: boolean): 'gone' | 'more' {
    if (place[0] !== OWN || place[1] !== 'parked' || place.length < 3) {
      throw new Refusal('not-mounted', `${pathOf(place)} is not in ${OWN}/parked`)
    }
    const folder = this.find(place)
    if (!folder) return 'gone'
    this.onDestroy(place, folder)
    empty(folder)
    if (!isWhole) return 'more'
    const [above, name] = split(place)
    this.find(above)?.folders.delete(name)
    return 'gone'
  }
}

/** What is in it is gone, also for whoever has a folder of it mounted. */
function empty(folder: Folder): void {
  folder.files.clear()
  for (const below of folder.folders.values()) empty(below)
}

function split(place: Place): readonly [Place, string] {
  const name = place.at(-1)
  if (name === undefined) throw new Error('The root is no volume')
  return [place.slice(0, -1), name]
}
