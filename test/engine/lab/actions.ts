import * as v from '@badrap/valita'
import type { Engine } from './engine.ts'
import { IMAGE } from './image.ts'
import { BERTH_IPAM } from './plugin.ts'
import { CommandFailed } from './run.ts'

/** `docker network create` of a macvlan network on the host's cable, with addresses from Berth. */
export async function createNetwork(engine: Engine, name: string, flags = ''): Promise<void> {
  const macvlan = ['network', 'create', '-d', 'macvlan', '-o', 'parent=eth0']
  await engine.docker([...macvlan, '--ipam-driver', BERTH_IPAM.name, ...words(flags), name])
}

export async function removeNetwork(engine: Engine, name: string): Promise<void> {
  await engine.docker(['network', 'rm', name])
}

/** `docker run -d` of a container that sleeps. */
export async function runContainer(
  engine: Engine,
  network: string,
  name: string,
  flags = '',
): Promise<void> {
  await engine.docker(['run', '-d', '--network', network, '--name', name, ...words(flags), IMAGE])
}

/** `docker run --rm` of a container that does nothing. */
export async function runToItsEnd(engine: Engine, network: string): Promise<void> {
  await engine.docker(['run', '--rm', '--network', network, IMAGE, '/busybox', 'true'])
}

export async function removeContainers(engine: Engine, names: readonly string[]): Promise<void> {
  await engine.docker(['rm', '-f', ...names])
}

/** Removes what a part of a test left behind because it failed, so that the next part is judged alone. */
export async function removeAll(engine: Engine): Promise<void> {
  const containers = await list(engine, ['ps', '-aq'])
  if (containers.length > 0) await removeContainers(engine, containers)
  const networks = await list(engine, ['network', 'ls', '-q', '--filter', 'driver=macvlan'])
  if (networks.length > 0) await engine.docker(['network', 'rm', ...networks])
}

async function list(engine: Engine, command: readonly string[]): Promise<readonly string[]> {
  return words((await engine.docker(command)).replaceAll('\n', ' '))
}

const Networks = v.record(
  v.object({ IPAddress: v.string(), GlobalIPv6Address: v.string() }).rest(v.unknown()),
)

/** The addresses of a container in a network, as the engine shows them. */
export async function addressesOf(
  engine: Engine,
  container: string,
  network: string,
): Promise<readonly string[]> {
  const format = ['inspect', '-f', '{{json .NetworkSettings.Networks}}', container]
  const answer: unknown = JSON.parse(await engine.docker(format))
  const endpoint = Networks.parse(answer, { mode: 'passthrough' })[network]
  return [endpoint?.IPAddress ?? '', endpoint?.GlobalIPv6Address ?? ''].filter(each => each !== '')
}

/** The addresses inside a container, as its kernel shows them: all but those of lo and those of the link alone. */
export async function addressesInside(
  engine: Engine,
  container: string,
): Promise<readonly string[]> {
  const shown = await engine.docker(['exec', container, '/busybox', 'ip', 'address', 'show'])
  return [...shown.matchAll(/inet6? ([\da-f.:]+)\/\d+.* scope global/g)].map(
    found => found[1] ?? '',
  )
}

export async function ping(engine: Engine, from: string, to: string): Promise<string> {
  return engine.docker(['exec', from, '/busybox', 'ping', '-c', '1', '-W', '5', to])
}

/** One container's ping of many addresses, each once; fails where one of them does not answer. */
export async function pingAll(
  engine: Engine,
  from: string,
  addresses: readonly string[],
): Promise<void> {
  const each = 'for to in "$@"; do /busybox ping -c 1 -W 5 "$to" || exit 1; done'
  await engine.docker(['exec', from, '/busybox', 'sh', '-c', each, 'sh', ...addresses])
}

/** Where the container sends what is not for the LAN. */
export async function defaultRouteOf(engine: Engine, container: string): Promise<string> {
  const routes = await engine.docker(['exec', container, '/busybox', 'ip', 'route'])
  return /^default via (\S+)/m.exec(routes)?.[1] ?? ''
}

/** What a command that must fail says. */
export async function refusal(command: Promise<unknown>): Promise<string> {
  try {
    await command
  } catch (error) {
    if (error instanceof CommandFailed) return error.stderr
    throw error
  }
  throw new Error('this was to be refused, and was not')
}

function words(text: string): readonly string[] {
  return text.split(' ').filter(word => word !== '')
}
