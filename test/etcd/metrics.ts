/** One number of a member's /metrics. */
export async function metric(metricsUrl: string, name: string): Promise<number> {
  const response = await fetch(`${metricsUrl}/metrics`, { signal: AbortSignal.timeout(1000) })
  const line = (await response.text()).split('\n').find(line => line.startsWith(`${name} `))
  if (line === undefined) throw new Error(`etcd has no metric ${name}`)
  return Number(line.slice(name.length))
}

export async function isHealthy(metricsUrl: string): Promise<boolean> {
  try {
    const response = await fetch(`${metricsUrl}/health`, { signal: AbortSignal.timeout(1000) })
    return (await response.text()).includes('"health":"true"')
  } catch {
    return false
  }
}
