import type { Certificates } from './certificates.ts'

export function tlsArguments(certificates: Certificates | undefined): readonly string[] {
  if (!certificates) return []
  const { files } = certificates
  return [
    '--client-cert-auth',
    ...flags({
      'cert-file': files.serverCert,
      'key-file': files.serverKey,
      'trusted-ca-file': files.ca,
    }),
  ]
}

export function flags(values: Readonly<Record<string, string>>): string[] {
  return Object.entries(values).flatMap(([name, value]) => [`--${name}`, value])
}
