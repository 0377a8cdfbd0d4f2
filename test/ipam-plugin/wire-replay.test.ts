import { readdirSync, readFileSync } from 'node:fs'
import { BlockList, isIPv6 } from 'node:net'
import { t as file } from 'tap'
import type { Test } from 'tap'
import { makeFolder, Plugin } from './process.ts'
import type { Answer, Body } from './process.ts'

/**
 * What real engines sent to a laboratory driver. `kind` says what an address was asked for (the laboratory driver did
 * not require MACs, so the body alone does not); `gave` is what that driver answered; `restart` is one of the plugin.
 */
type Line =
  | { readonly cmd: string }
  | { readonly restart: true }
  | {
      readonly host?: string
      readonly call: string
      readonly kind?: 'endpoint' | 'gateway' | 'aux' | 'replay' | 'overlay'
      readonly body: Body | null
      readonly recorded: 'ok' | 'refused'
      readonly gave?: string
    }
type Call = Extract<Line, { call: string }>

file.setTimeout(300_000)

const folder = new URL('transcripts/', import.meta.url)
/** Those that the laboratory's driver chose for networks without a subnet. */
const POOLS = '10.77.1.0/24,24 fd77:0:0:2::/64,64'
const MAC = 'com.docker.network.endpoint.macaddress'

for (const name of readdirSync(folder)) {
  await file.test(`every call of ${name} is answered rightly`, async t => {
    const hosts = new Map<string, Host>()
    t.teardown(() => Promise.all(Array.from(hosts.values(), host => host.plugin.remove())))
    let cmd = ''
    for (const line of readTranscript(name)) {
      if ('cmd' in line) cmd = line.cmd
      else if ('restart' in line) await Promise.all(Array.from(hosts.values(), restart))
      else {
        const host = hosts.get(line.host ?? '') ?? (await makeHost())
        hosts.set(line.host ?? '', host)
        await replay(t, host, line, `${cmd}: ${line.call} ${JSON.stringify(line.body)}`)
      }
    }
    for (const host of hosts.values()) await checkEnd(t, host)
  })
}

/** One plugin, and what its engine believes. */
type Host = {
  plugin: Plugin
  restarts: number
  /** Berth's pool ids by the laboratory's. */
  readonly pools: Map<string, { readonly id: string; readonly request: Body }>
  /** Addresses given to endpoints and not yet released, by the laboratory's pool and address. */
  readonly held: Map<string, string>
  /** How often each of Berth's pools was requested and not yet released. */
  readonly uses: Map<string, number>
}

async function makeHost(): Promise<Host> {
  const plugin = await Plugin.start(await makeFolder(), { settings: { DEFAULT_POOLS: POOLS } })
  return { plugin, restarts: 0, pools: new Map(), held: new Map(), uses: new Map() }
}

/** In turn as the engine ends it, and as a crash does. */
async function restart(host: Host): Promise<void> {
  host.restarts += 1
  await host.plugin.end(host.restarts % 2 === 0 ? 'SIGTERM' : 'SIGKILL')
  host.plugin = await Plugin.start(host.plugin.folder, { settings: { DEFAULT_POOLS: POOLS } })
}

async function replay(t: Test, host: Host, line: Call, what: string): Promise<void> {
  const { call, body } = line
  const answer = await host.plugin.call(call, body ? translated(host, line, body) : undefined)
  t.equal(answer.status === 200 ? 'ok' : 'refused', expected(line), `${what} is ${expected(line)}`)
  if (answer.status !== 200) {
    t.type(answer.body['Err'], 'string', `${what}: the engine finds the reason`)
  } else if (call === 'RequestPool') requestedPool(t, host, line, answer, what)
  else if (call === 'RequestAddress') requestedAddress(t, host, line, answer, what)
  else if (call === 'ReleasePool') releasedPool(host, line)
  else if (call === 'ReleaseAddress') await releasedAddress(t, host, line, what)
  const used = await usedAddresses(host.plugin)
  t.strictSame(used, [...host.held.values()].toSorted(), `${what}: used is what endpoints have`)
}

/**
 * The laboratory's outcome, but for three things that Berth decides otherwise: a gateway may be asked for again, an
 * endpoint may not (Berth asks for no replay), and overlays are not served.
 */
function expected({ kind, recorded }: Call): 'ok' | 'refused' {
  if (kind === 'gateway') return 'ok'
  return kind === 'replay' || kind === 'overlay' ? 'refused' : recorded
}

function translated(host: Host, { call, kind, gave }: Call, body: Body): Body {
  if (call === 'RequestPool') return { ...body, AddressSpace: 'berth' }
  const pool = String(body['PoolID'])
  const translatedPool = { ...body, PoolID: host.pools.get(pool)?.id ?? pool }
  if (call === 'ReleaseAddress' || kind === 'replay') {
    const address = host.held.get(`${pool} ${String(body['Address'])}`) ?? body['Address']
    return { ...translatedPool, Address: address }
  }
  const options = body['Options']
  if (kind !== 'endpoint' || options !== null) return translatedPool
  return { ...translatedPool, Options: { [MAC]: macOf(gave ?? 'a double') } }
}

function requestedPool(t: Test, host: Host, { gave }: Call, { body }: Answer, what: string): void {
  const { PoolID, Pool, Data } = body
  t.match({ PoolID, Pool, Data }, { PoolID: /^.+$/, Pool: /^[0-9a-f.:]+\/\d+$/, Data: {} }, what)
  const id = String(PoolID)
  host.pools.set(gave ?? '', { id, request: body })
  host.uses.set(id, (host.uses.get(id) ?? 0) + 1)
}

function requestedAddress(t: Test, host: Host, line: Call, { body }: Answer, what: string): void {
  const [address = '', length = ''] = String(body['Address']).split('/')
  const [, subnet = '', range = ''] = String(line.body?.['PoolID']).split('|')
  const asked = String(line.body?.['Address'])
  t.type(body['Data'], 'object', `${what}: the engine decodes it`)
  t.equal(length, subnet.split('/')[1], `${what}: the prefix length is the subnet's`)
  t.ok(inside(address, subnet), `${what}: ${address} is in the subnet`)
  if (asked !== '') t.equal(address, asked, `${what}: it is the address that was asked for`)
  if (line.kind !== 'endpoint') return
  t.notOk([...host.held.values()].includes(address), `${what}: ${address} is given to nobody else`)
  if (asked === '' && range !== '') t.ok(inside(address, range), `${what}: ${address} is in range`)
  host.held.set(`${String(line.body?.['PoolID'])} ${line.gave}`, address)
}

function releasedPool(host: Host, { body }: Call): void {
  const id = host.pools.get(String(body?.['PoolID']))?.id ?? ''
  host.uses.set(id, Math.max(0, (host.uses.get(id) ?? 0) - 1))
}

/** The same release again finds nothing to do. */
async function releasedAddress(t: Test, host: Host, line: Call, what: string): Promise<void> {
  if (!line.body) return
  const again = await host.plugin.call(line.call, translated(host, line, line.body))
  t.equal(again.status, 200, `${what}, a second time`)
  host.held.delete(`${String(line.body['PoolID'])} ${String(line.body['Address'])}`)
}

/** A pool that was requested once more than it was released is there, every other is gone, with its addresses. */
async function checkEnd(t: Test, { plugin, uses, held }: Host): Promise<void> {
  t.equal(held.size, 0, 'the engine released every address')
  const { body } = await plugin.view('/v1/pools')
  const here = (body['pools'] as { here: { id: string; networks: number }[] }[])
    .flatMap(pool => pool.here)
    .map(({ id, networks }) => [id, networks] as const)
  const wanted = [...uses].filter(([, count]) => count > 0)
  t.same(new Map(here), new Map(wanted), 'each pool has as many networks as the engine')
  const shared = (await addresses(plugin)).filter(({ state }) => state === 'shared')
  if (wanted.length === 0) t.strictSame(shared, [], 'gateway and auxiliary addresses are gone')
}

async function usedAddresses(plugin: Plugin): Promise<string[]> {
  const used = (await addresses(plugin)).filter(({ state }) => state === 'used')
  return used.map(({ address }) => address).toSorted()
}

async function addresses(plugin: Plugin): Promise<{ address: string; state: string }[]> {
  const { body } = await plugin.view('/v1/addresses')
  return body['addresses'] as { address: string; state: string }[]
}

function inside(address: string, subnet: string): boolean {
  const [base = '', length] = subnet.split('/')
  const family = isIPv6(base) ? 'ipv6' : 'ipv4'
  const list = new BlockList()
  list.addSubnet(base, Number(length), family)
  return list.check(address, family)
}

/** Some MAC, another one for every address. */
function macOf(address: string): string {
  const tail = Buffer.from(address).subarray(-4).toString('hex')
  return `02:42:${tail.match(/../g)?.join(':')}`
}

function readTranscript(file: string): Line[] {
  const lines = readFileSync(new URL(file, folder), 'utf8').trim().split('\n')
  return lines.map(line => JSON.parse(line) as Line)
}
