import { setTimeout as sleep } from 'node:timers/promises'
import type { Restore } from './plan.ts'
import { isRecovered, lostBy } from './views.ts'
import type { World } from './world.ts'

const RECOVERED_WITHIN_MS = 90_000

/** etcd is set back; then the operator says `recover`, and every host tells what it lost. */
export async function restore(world: World, { token }: Restore): Promise<void> {
  const { recorder, etcd, hosts } = world
  const end = recorder.lasting({ is: 'restored' })
  await etcd.restore(world.snapshot, token)
  const deadline = performance.now() + RECOVERED_WITHIN_MS
  await until(deadline, 'begin', async () => {
    const by = hosts.find(({ instance }) => instance.running)
    const answer = await by?.instance.admin('POST', '/v1/recover', {}).catch(() => undefined)
    return answer?.status === 200
  })
  await until(deadline, 'end', async () => {
    const over = await Promise.all(hosts.map(async ({ instance }) => await isRecovered(instance)))
    return over.every(Boolean)
  })
  for (const { name: host, instance } of hosts) {
    await until(deadline, `bring ${host} back`, async () => {
      const addresses = await lostBy(instance)
      if (addresses) recorder.event({ is: 'lost', host, at: recorder.now(), addresses })
      return addresses !== undefined
    })
  }
  end()
}

async function until(deadline: number, what: string, isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`The recovery does not ${what}`)
    await sleep(200)
  }
}
