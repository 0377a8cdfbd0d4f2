/** Those of file systems that several hosts mount at once, as mountinfo names them. */
export const CLUSTER_TYPES: readonly string[] = [
  'nfs',
  'nfs4',
  'ceph',
  'fuse.ceph',
  'fuse.glusterfs',
  'lustre',
  'beegfs',
  'gfs2',
  'ocfs2',
  'fuse.juicefs',
  'fuse.sshfs',
]

/**
 * "nfs4, fuse.glusterfs", with commas or spaces between; nothing: those that are known.
 *
 * @throws {Error} for what is no name of a type
 */
export function readClusterTypes(text: string): readonly string[] {
  const types = text.split(/[\s,]+/).filter(type => type !== '')
  const wrong = types.find(type => !/^[a-z0-9][a-z0-9._-]*$/i.test(type))
  if (wrong !== undefined) {
    throw new Error(`"${wrong}" is not a type of file system, such as nfs4 or fuse.glusterfs`)
  }
  return types.length > 0 ? types : CLUSTER_TYPES
}
