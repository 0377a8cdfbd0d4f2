import { X509Certificate, createPrivateKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { EtcdOptions } from './etcd-options.ts'
import { BadSettings } from './settings.ts'
import type { Setting, Settings } from './settings.ts'

const DEFAULT_PREFIX = '/berth'

const certificate: Setting<string | undefined> = {
  fallback: undefined,
  secret: true,
  parse: given => readPem(given, 'a certificate', pem => new X509Certificate(pem)),
}
const privateKey: Setting<string | undefined> = {
  fallback: undefined,
  secret: true,
  parse: given => readPem(given, 'a private key without a passphrase', createPrivateKey),
}
const endpoints: Setting<readonly string[]> = {
  fallback: [],
  secret: true,
  parse: given => [
    ...new Set(
      given
        .split(/[\s,]+/)
        .filter(Boolean)
        .map(parseEndpoint),
    ),
  ],
}
const word: Setting<string | undefined> = {
  fallback: undefined,
  secret: true,
  parse: given => given,
}

/** What says where etcd is; a part of each plugin's table of settings. */
export const ETCD_SETTINGS = {
  /** Empty: the state stays on this host. */
  ETCD_ENDPOINTS: endpoints,
  ETCD_CA: certificate,
  ETCD_CERT: certificate,
  ETCD_KEY: privateKey,
  ETCD_USERNAME: word,
  ETCD_PASSWORD: word,
  ETCD_PREFIX: { fallback: DEFAULT_PREFIX, parse: parsePrefix },
}

export type EtcdSettings = Settings<typeof ETCD_SETTINGS>

/**
 * @returns undefined where no endpoint is set
 * @throws {BadSettings} with every setting that contradicts another
 */
export function etcdOptions(settings: EtcdSettings): EtcdOptions | undefined {
  const isSet = settings.ETCD_ENDPOINTS.length > 0
  const faults = isSet ? contradictions(settings) : useless(settings)
  if (faults.length > 0) throw new BadSettings(faults.join('\n'))
  if (!isSet) return undefined
  return {
    endpoints: settings.ETCD_ENDPOINTS,
    prefix: settings.ETCD_PREFIX,
    ca: settings.ETCD_CA,
    cert: settings.ETCD_CERT,
    key: settings.ETCD_KEY,
    username: settings.ETCD_USERNAME,
    password: settings.ETCD_PASSWORD,
  }
}

function contradictions(settings: EtcdSettings): string[] {
  const { ETCD_ENDPOINTS, ETCD_CERT, ETCD_KEY, ETCD_USERNAME, ETCD_PASSWORD } = settings
  const faults: string[] = []
  const secure = ETCD_ENDPOINTS.filter(url => url.startsWith('https:')).length
  if (secure > 0 && secure < ETCD_ENDPOINTS.length)
    faults.push('ETCD_ENDPOINTS: Some are http and some https; use one of them for all')
  if (secure === 0)
    for (const name of ['ETCD_CA', 'ETCD_CERT', 'ETCD_KEY'] as const)
      if (settings[name] !== undefined)
        faults.push(`${name}: Is used with https alone, and ETCD_ENDPOINTS says http`)
  if (ETCD_CERT !== undefined && ETCD_KEY === undefined)
    faults.push('ETCD_CERT: Needs its private key in ETCD_KEY')
  if (ETCD_KEY !== undefined && ETCD_CERT === undefined)
    faults.push('ETCD_KEY: Needs its certificate in ETCD_CERT')
  if (ETCD_CERT !== undefined && ETCD_KEY !== undefined && !belongTogether(ETCD_CERT, ETCD_KEY))
    faults.push('ETCD_KEY: Is not the private key of the certificate in ETCD_CERT')
  if (ETCD_USERNAME !== undefined && ETCD_PASSWORD === undefined)
    faults.push('ETCD_USERNAME: Needs its password in ETCD_PASSWORD')
  if (ETCD_PASSWORD !== undefined && ETCD_USERNAME === undefined)
    faults.push('ETCD_PASSWORD: Needs its user in ETCD_USERNAME')
  return faults
}

/** Believed to be in force, and doing nothing. */
function useless(settings: EtcdSettings): string[] {
  const names = Object.keys(ETCD_SETTINGS) as (keyof EtcdSettings)[]
  return names
    .filter(name => name !== 'ETCD_ENDPOINTS' && settings[name] !== ETCD_SETTINGS[name].fallback)
    .map(name => `${name}: Does nothing while ETCD_ENDPOINTS is empty`)
}

function belongTogether(cert: string, key: string): boolean {
  return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))
}

function parseEndpoint(text: string): string {
  const [, url] = /^(https?:\/\/(?:[\w.-]+|\[[\da-f:.]+\]):\d{1,5})\/?$/i.exec(text) ?? []
  if (url === undefined || !URL.canParse(url)) {
    const harmless = text.replace(/\/\/.*@/, '//…@')
    throw new Error(
      `"${harmless}" is not an endpoint such as http://10.0.0.1:2379 or https://etcd1.example:2379`,
    )
  }
  return url.toLowerCase()
}

function parsePrefix(text: string): string {
  if (!/^(\/[\w.-]+)+$/.test(text)) throw new Error(`Must be a path such as ${DEFAULT_PREFIX}`)
  return text
}

/** PEM, given as text (line ends may be written as \n) or as the path of a file that is read now. */
function readPem(given: string, what: string, check: (pem: string) => unknown): string {
  const pem = given.startsWith('/') ? readNow(given) : given.replaceAll(String.raw`\n`, '\n')
  try {
    check(pem)
  } catch {
    throw new Error(`Must be the absolute path of ${what} in PEM form, or its text`)
  }
  return pem
}

function readNow(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new Error(
      `Cannot read ${path} (${code}): a managed plugin sees nothing of its host but the state directory; put the file there, or give its text`,
      { cause: error },
    )
  }
}
