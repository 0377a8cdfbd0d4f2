import type { Place } from './place.ts'

/** What CLUSTER_ROOT names is asked by each of these, before anything else: it is never the folder underneath. */
export interface ClusterFiles {
  /**
   * That the file system which belongs at CLUSTER_ROOT is there, is one of those allowed, can be written, and answers.
   *
   * @returns its id; undefined where `berth cluster init` was never run on it
   */
  check(): Promise<ClusterId | undefined>

  /** Gives it this id, unless it has one. @returns the one that it has then */
  init(id: ClusterId): Promise<ClusterId>

  /**
   * Makes the folder and those above it. One that is there is fine where it is empty; what it was given is given again.
   *
   * @throws {Refusal} `volume-exists` where it has entries
   */
  make(place: Place, attributes: Attributes): Promise<void>

  /**
   * Mounts the folder on `at`, as `mountPath` names it; where it is mounted there already, nothing is to do. What else
   * is mounted there is detached: it is what was left of a file system that went away and came back.
   *
   * @throws {Refusal} `not-mounted` where there is no such folder
   */
  bind(place: Place, at: string): Promise<void>

  /** Renames a folder, making those above its new place. @returns `gone` where there is none; it may be moved already */
  move(from: Place, to: Place): Promise<'moved' | 'gone'>

  /** The folders in a folder; none where there is no such folder. */
  folders(place: Place): Promise<readonly string[]>

  /** Destroys a folder of those that are parked. @returns `more` where the deadline came first: call it again */
  destroy(place: Place): Promise<'gone' | 'more'>
}

/*
 * Each of them answers within its deadline (5 s; `destroy` 30 s), whatever hangs, and throws
 * - {Refusal} `cluster-away`: it is not what belongs there, it does not answer, or did not a moment ago. Nothing was
 *   done, but where it hung: then it may have been, or may still be.
 * - {Refusal} `not-mounted`: the place cannot be reached without following a link or entering another mount.
 * All may be called again after whatever happened.
 */

declare const brand: unique symbol
/** 32 hexadecimal digits, random: of a file system, in its sentinel and in the store. */
export type ClusterId = string & { readonly [brand]: 'ClusterId' }

/** Of a folder that Berth makes. Undefined: owned by root, 0755, which lets the engine give it those of the image. */
export type Attributes = {
  readonly uid: number | undefined
  readonly gid: number | undefined
  readonly mode: number | undefined
}

/** What this host has mounted for containers. None of it asks the cluster file system. */
export interface Binds {
  /** Paths on which something is mounted. */
  mounted(): Promise<readonly string[]>
  /** Detaches it, also where the file system hangs: containers keep their own. Where nothing is mounted, nothing is to do. */
  detach(at: string): Promise<void>
}
