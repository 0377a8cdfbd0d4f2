import t from 'tap'
import { readSsdOptions } from '../../../volume-plugin/ssd/options.ts'
import { Host } from './host.ts'
import { claimOf } from './journal.ts'

const MINUTE = 60_000

await t.test(
  'time for which the plugin stood still is not time that a volume was kept',
  async t => {
    const host = await Host.create(t, 0)
    const { volume, ...claim } = claimOf('db')
    await host.journal.write({
      ...claim,
      volume: { ...volume, options: readSsdOptions({ retain: '1h' }) },
    })
    let now = Math.ceil(performance.now())
    t.intercept(performance, 'now', { value: () => now })
    const running = await host.start()
    const pass = async (ms: number) => {
      now += ms
      await running.ssd.tend()
    }
    await running.remove('db')
    await pass(120 * MINUTE)
    t.strictSame(running.states, ['db parked'], 'it counts for a minute at most')
    for (let minute = 1; minute < 59; minute++) await pass(MINUTE)
    t.strictSame(running.states, ['db parked'])
    await pass(MINUTE)
    t.strictSame(running.states, ['db wiping'])
  },
)
