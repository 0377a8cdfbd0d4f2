import t from 'tap'
import { createNetwork, removeAll, removeNetwork } from './actions.ts'
import { Engine } from './engine.ts'
import { EtcdCluster, whyNoEtcd } from './etcd.ts'
import { Host } from './host.ts'
import { importImage } from './image.ts'
import { Lab } from './lab.ts'
import { Plugin } from './plugin.ts'
import { fetchEngines, NEWEST, OLDEST, type Suite } from './releases.ts'
import { whyNoEngines } from './requirements.ts'
import { Switch } from './switch.ts'
import { canRun, tellLastWords, type Test } from './world.ts'

/** Old and new engines share a LAN. */
const SUITES = [OLDEST, NEWEST, OLDEST]

/** A host of the fleet, with what runs on it. */
export type Node = { readonly host: Host; readonly engine: Engine; readonly plugin: Plugin }

/** Hosts on one LAN, each with its engine and its plugin, and a member of one etcd on each. */
export class Fleet {
  readonly lan: Switch
  readonly etcd: EtcdCluster
  readonly nodes: readonly Node[]

  private constructor(lan: Switch, etcd: EtcdCluster, nodes: readonly Node[]) {
    this.lan = lan
    this.etcd = etcd
    this.nodes = nodes
  }

  /** One host for each suite: h1, h2 and so on. */
  static async start(t: Test, suites: readonly Suite[]): Promise<Fleet> {
    const { lan, engines } = await createHosts(t, suites)
    const etcd = await EtcdCluster.start(engines.map(({ host }) => host))
    const install = async (engine: Engine): Promise<Node> => {
      await engine.start()
      await importImage(engine)
      const { host } = engine
      const settings = { ETCD_ENDPOINTS: etcd.endpoints, HOST_NAME: host.name }
      return { host, engine, plugin: await Plugin.install(engine, settings) }
    }
    return new Fleet(lan, etcd, await Promise.all(engines.map(install)))
  }
}

/** Hosts on one LAN, each with an engine that has not been started. */
export async function createHosts(
  t: Test,
  suites: readonly Suite[],
): Promise<{ readonly lan: Switch; readonly engines: readonly Engine[] }> {
  const lan = await Switch.create(await Lab.open(t))
  const engines: Engine[] = []
  for (const [index, suite] of suites.entries()) {
    engines.push(new Engine(await Host.create(lan, index + 1), suite))
  }
  for (const engine of engines) tellLastWords(t, engine)
  return { lan, engines }
}

/** All hosts of the fleet by number, h1 first. */
export function threeOf({ nodes }: Pick<Fleet, 'nodes'>): readonly [Node, Node, Node] {
  const [one, two, three] = nodes
  if (!one || !two || !three) throw new Error('there are fewer than three hosts')
  return [one, two, three]
}

/** The same network on several hosts at the same moment. */
export async function createEverywhere(
  nodes: readonly Node[],
  name: string,
  flags: string,
): Promise<void> {
  await Promise.all(nodes.map(({ engine }) => createNetwork(engine, name, flags)))
}

export async function removeEverywhere(nodes: readonly Node[], name: string): Promise<void> {
  await Promise.all(nodes.map(({ engine }) => removeNetwork(engine, name)))
}

/** So that the next part of a test is judged alone when this one fails: whatever can be removed by then. */
export function removeAllAfter(t: Test, nodes: readonly Node[]): void {
  t.teardown(async () => {
    await Promise.allSettled(nodes.map(({ engine }) => removeAll(engine)))
  })
}

/** A scenario of three hosts; skipped, with the reason, where they cannot run. */
export async function onThreeHosts(
  scenario: (t: Test, fleet: Fleet) => Promise<void>,
): Promise<void> {
  if (!(await canRun(async () => (await whyNoEngines()) ?? whyNoEtcd()))) return
  await fetchEngines(SUITES)
  await scenario(t, await Fleet.start(t, SUITES))
}
