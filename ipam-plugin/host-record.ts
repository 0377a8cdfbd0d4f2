import type { Host } from '../shared/host.ts'
import type { Notes } from './notes.ts'
import type { HostRecord, RecoveryRecord } from './records.ts'
import type { Observation, Standing } from './standing.ts'

/** What a host writes of itself and notes of it, as pure functions of how it stands. */

export type Admitted = Exclude<Standing, { is: 'barred' }>

/** How many nonces that stood in the record before are remembered. */
const FORMER = 20

/** The record that a host registers with; the nonce is for whoever writes it. */
export function recordFor(
  { name, machine }: Host,
  standing: Admitted,
  notes: Notes,
  before: HostRecord | undefined,
): Omit<HostRecord, 'nonce'> {
  const generation = before?.generation ?? 0
  // What is to be claimed again is told from what was, even where the store knows of less than was claimed.
  const raised = Math.max(generation, notes.generation + 1)
  switch (standing.is) {
    case 'new':
    case 'returning':
      return { name, machine, generation: raised }
    case 'recovering': {
      const { id, phase } = standing
      const isClaimed = phase === 'reclaimed'
      return { name, machine, generation: isClaimed ? generation : raised, recovery: { id, phase } }
    }
    case 'mine':
      return { name, machine, generation }
  }
}

/** Of a host that has none. A record that is there already was written by it before there were notes. */
export function firstNotes({ boot }: Host, { history, host, gate }: Observation): Notes {
  return {
    history,
    generation: host?.generation ?? 0,
    nonces: host ? [host.nonce] : [],
    formerNonces: [],
    beat: 0,
    boot: host ? '' : boot,
    recovery: recoveryOf(gate),
  }
}

/** After a registration over what was found: from now on that is what this host knows of the store. */
export function notesOf({ history, seen, gate }: Observation): Partial<Notes> {
  return { history, beat: seen?.beat ?? 0, recovery: recoveryOf(gate) }
}

/** After `nonce` was written: what was sent with another has failed, or been overwritten. */
export function noncesAfter({ nonces, formerNonces }: Notes, nonce: string): Partial<Notes> {
  const others = nonces.filter(one => one !== nonce)
  return { nonces: [nonce], formerNonces: [...formerNonces, ...others].slice(-FORMER) }
}

/** After an operator said that this machine is that host. All is claimed again: nobody knows what it missed. */
export function adopted(notes: Notes, host: HostRecord): Partial<Notes> {
  return {
    generation: Math.min(notes.generation, host.generation - 1),
    nonces: [...notes.nonces, host.nonce],
  }
}

const recoveryOf = (gate: RecoveryRecord | undefined): Notes['recovery'] =>
  gate && { id: gate.id, number: gate.number }
