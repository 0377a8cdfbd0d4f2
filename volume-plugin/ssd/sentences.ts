import type { DiskIdentity } from './disk.ts'

/** "Samsung SSD 990 PRO, serial S6Z1NJ0W": what is printed on the disk. */
export function diskText({ model, serial, wwid }: DiskIdentity): string {
  const number = serial ? `serial ${serial}` : wwid
  return model ? `${model}, ${number}` : number
}
