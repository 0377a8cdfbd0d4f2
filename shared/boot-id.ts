import { readFile } from 'node:fs/promises'

/** The kernel's id of the running boot: another one after each start of the host, the same one in every container. */
export async function bootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
}
