import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'

/** A certificate to make. node:crypto reads them and makes none. */
export interface CertificatePlan {
  readonly subject: string
  /** @default the certificate itself */
  readonly issuer?: MadeCertificate | undefined
  readonly from?: string | undefined
  readonly until?: string | undefined
  readonly authority?: boolean | undefined
  readonly pathLength?: number | undefined
  /** The first byte of the bits: 0x80 digitalSignature, 0x04 keyCertSign. `null`: none. */
  readonly keyUsage?: number | null | undefined
  /** Object identifiers in DER, hexadecimal. */
  readonly purposes?: readonly string[] | undefined
  readonly extensions?: readonly Buffer[] | undefined
  readonly curve?: string | undefined
  /** @default a new one */
  readonly key?: KeyObject | undefined
}

export interface MadeCertificate {
  readonly subject: string
  readonly key: KeyObject
  readonly pem: string
  readonly privateKeyPem: string
}

const element = (tag: number, ...parts: readonly Uint8Array[]): Buffer => {
  const content = Buffer.concat(parts)
  const { length: size } = content
  const length = size < 128 ? [size] : size < 256 ? [0x81, size] : [0x82, size >> 8, size & 0xff]
  return Buffer.concat([Buffer.from([tag, ...length]), content])
}
const sequence = (...parts: readonly Uint8Array[]) => element(0x30, ...parts)
const identifier = (hex: string) => element(0x06, Buffer.from(hex, 'hex'))
const name = (text: string) => sequence(element(0x31, sequence(identifier('550403'), element(0x0c, Buffer.from(text)))))
/** With a year of two digits, as it must be before 2050. */
const time = (iso: string) => element(0x17, Buffer.from(iso.slice(2).replace(/[-:T]/g, '')))
const ecdsaWithSha256 = sequence(identifier('2a8648ce3d040302'))

/** @param id in DER, hexadecimal. */
export const extension = (id: string, value: Uint8Array, critical = true) =>
  sequence(identifier(id), ...(critical ? [element(0x01, Buffer.from([0xff]))] : []), element(0x04, value))

export const codeSigning = '2b06010505070303'
export const serverAuth = '2b06010505070301'

export function makeCertificate(plan: CertificatePlan): MadeCertificate {
  const { subject, issuer, authority = false, pathLength, purposes, extensions = [] } = plan
  const key = plan.key ?? generateKeyPairSync('ec', { namedCurve: plan.curve ?? 'P-256' }).privateKey
  const usage = plan.keyUsage === undefined ? (authority ? 0x04 : 0x80) : plan.keyUsage
  const constraints = [
    ...(authority ? [element(0x01, Buffer.from([0xff]))] : []),
    ...(pathLength === undefined ? [] : [element(0x02, Buffer.from([pathLength]))]),
  ]
  const body = sequence(
    element(0xa0, element(0x02, Buffer.from([2]))),
    element(0x02, Buffer.from([1])),
    ecdsaWithSha256,
    name(issuer?.subject ?? subject),
    sequence(time(plan.from ?? '2024-01-01T00:00:00Z'), time(plan.until ?? '2044-01-01T00:00:00Z')),
    name(subject),
    createPublicKey(key).export({ type: 'spki', format: 'der' }),
    element(
      0xa3,
      sequence(
        extension('551d13', sequence(...constraints)),
        ...(usage === null ? [] : [extension('551d0f', element(0x03, Buffer.from([0, usage])))]),
        ...(purposes === undefined ? [] : [extension('551d25', sequence(...purposes.map(identifier)), false)]),
        ...extensions,
      ),
    ),
  )
  const signature = sign('sha256', body, issuer?.key ?? key)
  const der = sequence(body, ecdsaWithSha256, element(0x03, Buffer.from([0]), signature))
  const lines = der
    .toString('base64')
    .match(/.{1,64}/g)!
    .join('\n')
  return {
    subject,
    key,
    pem: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    privateKeyPem: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}
