import { Refusal } from '../shared/refusal.ts'
import { formatAddress, formatSubnet } from './addresses.ts'
import type { Address } from './addresses.ts'
import type { Pool } from './pool-id.ts'
import type { AddressRecord } from './records.ts'

/** The refusals that more than one file gives. */

export function unknownPool(id: string): Refusal {
  return new Refusal(
    'unknown-pool',
    `The pool ${id} is not in use on this host; remove the network and create it again`,
  )
}

/** This host was evicted, and others have made other use of the subnet meanwhile. */
export function lostPool({ id, subnet }: Pool): Refusal {
  return new Refusal(
    'pool-lost',
    `This host was evicted and could not take part in ${formatSubnet(subnet)} (pool ${id}) again; remove the network and create it again`,
  )
}

/** An automatic pool lost its subnet to another network; the next one is tried. */
export function alreadyThere({ subnet }: Pool): Refusal {
  return new Refusal('pool-conflict', `The subnet ${formatSubnet(subnet)} is in use already`)
}

export function outsidePool(address: Address, { subnet }: Pool): Refusal {
  return new Refusal(
    'address-outside-pool',
    `Address ${formatAddress(address)} is not in the subnet ${formatSubnet(subnet)}; choose one that is`,
  )
}

export function networkOrBroadcast(address: Address, { subnet }: Pool): Refusal {
  return new Refusal(
    'address-reserved',
    `Address ${formatAddress(address)} is the network or broadcast address of ${formatSubnet(subnet)}; choose another`,
  )
}

/** Why an address cannot be had, from the record that stands there; undefined: a step for it is under way here. */
export function inUse(address: Address, record: AddressRecord | undefined): Refusal {
  const text = formatAddress(address)
  switch (record?.state) {
    case 'used': {
      const by = record.mac ? ` by ${record.mac}` : ''
      return new Refusal(
        'address-in-use',
        `Address ${text} is used on host ${record.hostName}${by} since ${record.since}; choose another, or stop that container`,
      )
    }
    case 'shared':
      return new Refusal(
        'address-in-use',
        `Address ${text} is a gateway or auxiliary address of ${record.pools.join(', ')}; choose another`,
      )
    case 'idle':
    case undefined:
      return new Refusal(
        'address-in-use',
        `Address ${text} is just being claimed or released on this host; try again`,
      )
  }
}
