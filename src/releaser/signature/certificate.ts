import { X509Certificate } from 'node:crypto'
import { SheikhError } from '../../core/index.js'

/** What an extension list says that node:crypto does not tell. */
export interface CertificateRules {
  /** For signatures over what is no certificate. */
  readonly maySign: boolean
  /** How many issuers may stand between this one and the certificate that signs; `undefined`: any number. */
  readonly pathLength?: number | undefined
  /** A rule that is not understood here and must be, or a restriction of names. */
  readonly notUnderstood?: string | undefined
}

/** The certificates in a text of PEM. @throws `invalid-options` where there is none, or one cannot be read. */
export function certificatesOf(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  const certificates = blocks.map((block) => toCertificate(block))
  if (certificates.length > 0 && certificates.every((certificate) => certificate !== undefined)) return certificates
  throw new SheikhError(
    'invalid-options',
    'Cannot use a certificate: the text is not the PEM of one. Give another one.',
  )
}

/** @returns `undefined` for what is no certificate. */
export function toCertificate(source: string | Buffer): X509Certificate | undefined {
  try {
    const certificate = new X509Certificate(source)
    // Read now, so that nothing that comes later throws.
    rulesOf(certificate)
    return certificate.publicKey === undefined ? undefined : certificate
  } catch {
    return undefined
  }
}

/** Whether `issuer` made `certificate`: by its name, its right to, and its signature. */
export function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)
  } catch {
    return false
  }
}

/** Seen at a time: `undefined` where that is within its dates. */
export function outsideDates(
  { validFrom, validTo }: X509Certificate,
  atMs: number,
): 'not-yet-valid' | 'expired' | undefined {
  // Written so that what is no date is outside.
  if (!(atMs >= Date.parse(validFrom))) return 'not-yet-valid'
  return atMs <= Date.parse(validTo) ? undefined : 'expired'
}

const codeSigning = '1.3.6.1.5.5.7.3.3'
const anyPurpose = '2.5.29.37.0'
/** The arc 2.5.29 of X.509's own extensions, in DER. */
const ownExtensions = '551d'
const basicConstraints = `${ownExtensions}13`
const keyUsage = `${ownExtensions}0f`
const nameConstraints = `${ownExtensions}1e`
/** Those, the alternative names and the extended usage. */
const understood = [basicConstraints, keyUsage, `${ownExtensions}11`, `${ownExtensions}25`]

/** RFC 5280, 4.2.1.3, 4.2.1.9 and 4.2.1.12. Throws for what is no certificate. */
export function rulesOf(certificate: X509Certificate): CertificateRules {
  const extensions = extensionsOf(certificate.raw)
  const usage = extensions.find(({ id }) => id === keyUsage)
  const purposes: readonly string[] | undefined = certificate.keyUsage
  const foreign = extensions.find(
    ({ id, critical }) => id === nameConstraints || (critical && !understood.includes(id)),
  )
  const constraints = extensions.find(({ id }) => id === basicConstraints)
  const pathLength = constraints && elements(elements(constraints.value)[0]!.content).find(({ tag }) => tag === 0x02)
  // Of a usage, the first bit after the count of unused ones is digitalSignature.
  const signs = usage === undefined ? undefined : (elements(usage.value)[0]!.content[1]! & 0x80) !== 0
  const signsCode = purposes?.some((purpose) => purpose === codeSigning || purpose === anyPurpose)
  return {
    maySign: (signs ?? signsCode ?? false) && (signsCode ?? true),
    ...(pathLength !== undefined && { pathLength: pathLength.content.readUIntBE(0, pathLength.content.length) }),
    ...(foreign !== undefined && { notUnderstood: foreign.id }),
  }
}

interface Extension {
  /** Its object identifier in DER, hexadecimal. */
  readonly id: string
  readonly critical: boolean
  readonly value: Buffer
}

function extensionsOf(certificate: Buffer): readonly Extension[] {
  const [body] = elements(elements(certificate)[0]!.content)
  const list = elements(body!.content).find(({ tag }) => tag === 0xa3)
  if (list === undefined) return []
  return elements(elements(list.content)[0]!.content).map(({ content }) => {
    const parts = elements(content)
    return {
      id: parts[0]!.content.toString('hex'),
      // In DER what is false is left out.
      critical: parts.length === 3,
      value: parts.at(-1)!.content,
    }
  })
}

/** The elements of DER (X.690, 8.1), one after the other. */
function elements(bytes: Buffer): readonly { readonly tag: number; readonly content: Buffer }[] {
  const found: { tag: number; content: Buffer }[] = []
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at]!
    let length = bytes.readUInt8(at + 1)
    let start = at + 2
    if (length >= 0x80) {
      const size = length & 0x7f
      length = bytes.readUIntBE(start, size)
      start += size
    }
    at = start + length
    if (at > bytes.length) throw new RangeError('An element goes past its end.')
    found.push({ tag, content: bytes.subarray(start, at) })
  }
  return found
}
