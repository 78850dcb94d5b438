// A Sigstore of our own on loopback: authority, certificate log, transparency log, timestamps. What each answers is made by
// @sigstore/mock, of Sigstore's own makers; the clients speak to it over HTTP.
import { createHash, generateKeyPairSync, type KeyPairKeyObjectResult, sign, X509Certificate } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fulcioHandler, initializeCA, initializeTLog, initializeTSA, rekorHandler, tsaHandler } from '@sigstore/mock'

export interface Sigstore {
  readonly trustedRoot: string
  readonly signingConfig: string
  /** Paths that were asked for. */
  readonly requests: string[]
  /** The next requests of this path are answered so. */
  refuse(path: string, status: number): void
  stop(): Promise<void>
}

export const issuer = 'https://token.example.com'
export const subject = 'https://example.com/ann/model/.github/workflows/train.yml@refs/heads/main'

/** A token as a runner has it. Nobody checks its signature here. */
export function identityToken(claims: Readonly<Record<string, unknown>> = {}): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'none' })}.${part({ iss: issuer, sub: subject, aud: 'sigstore', ...claims })}.c2ln`
}

const der = ({ publicKey }: KeyPairKeyObjectResult) => publicKey.export({ format: 'der', type: 'spki' })
const idOf = (key: KeyPairKeyObjectResult) => createHash('sha256').update(der(key)).digest()

/** Promises by RFC 6962, section 3.2. That of @sigstore/mock comes out without a signature here. */
function certificateLog(key: KeyPairKeyObjectResult) {
  const logID = idOf(key)
  return {
    publicKey: der(key),
    logID,
    async log(certificate: ArrayBuffer, issuerId: ArrayBuffer) {
      const tbs = firstElement(Buffer.from(certificate))
      const time = Buffer.alloc(8)
      time.writeBigUInt64BE(BigInt(Date.now()))
      const entry = Buffer.from([0, 1])
      const length = Buffer.from([tbs.length >> 16, (tbs.length >> 8) & 255, tbs.length & 255])
      const noExtensions = Buffer.alloc(2)
      const signed = Buffer.concat([Buffer.alloc(2), time, entry, Buffer.from(issuerId), length, tbs, noExtensions])
      const signature = sign('sha256', signed, key.privateKey)
      const sha256Ecdsa = Buffer.from([4, 3, signature.length >> 8, signature.length & 255])
      const promise = Buffer.concat([Buffer.alloc(1), logID, time, noExtensions, sha256Ecdsa, signature])
      // With its length before it, as it stands in a list.
      return Uint8Array.from([promise.length >> 8, promise.length & 255, ...promise]).buffer
    },
  }
}

/** Of a DER sequence: of a certificate, what is signed of it. */
function firstElement(sequence: Buffer): Buffer {
  const inside = sequence.subarray(headerLength(sequence))
  const bodyLength = inside[1]! < 128 ? inside[1]! : inside.readUIntBE(2, inside[1]! & 127)
  return inside.subarray(0, headerLength(inside) + bodyLength)
}

const headerLength = (element: Buffer) => (element[1]! < 128 ? 2 : 2 + (element[1]! & 127))

/** Python's client gives its token in a header, and its key in a request of PKCS #10; the mock wants them another way. */
function asked(body: string, authorization = ''): string {
  if (!authorization.startsWith('Bearer ')) return body
  const { certificateSigningRequest, ...rest } = JSON.parse(body)
  return JSON.stringify({
    ...rest,
    credentials: { oidcIdentityToken: authorization.slice('Bearer '.length) },
    certificateSigningRequest: Buffer.from(certificateSigningRequest, 'base64').toString(),
  })
}

interface ProposedEntry {
  readonly apiVersion: string
  readonly kind: string
  readonly spec: { readonly proposedContent: { readonly envelope: string; readonly verifiers: readonly string[] } }
}

/** Rekor keeps the digests of an envelope, and not what was sent. Type "dsse", version 0.0.1. */
function loggedEntry({ apiVersion, kind, spec: { proposedContent } }: ProposedEntry): object {
  const { payload, signatures } = JSON.parse(proposedContent.envelope)
  // In the one form of PEM that Rekor writes.
  const certificate = new X509Certificate(Buffer.from(proposedContent.verifiers[0]!, 'base64'))
  const sha256 = (data: Buffer) => ({ algorithm: 'sha256', value: createHash('sha256').update(data).digest('hex') })
  return {
    apiVersion,
    kind,
    spec: {
      envelopeHash: sha256(Buffer.from(proposedContent.envelope)),
      payloadHash: sha256(Buffer.from(payload, 'base64')),
      signatures: [{ signature: signatures[0].sig, verifier: Buffer.from(certificate.toString()).toString('base64') }],
    },
  }
}

interface LogAnswer {
  readonly body: string
  readonly verification: object
}

/**
 * That an entry is the second of two (RFC 6962, section 2.1), with a signed checkpoint. That of @sigstore/mock is of a log
 * with one entry: its index 0 and its empty path are left out by one client and asked for by another.
 */
function proofOfSecond(body: Buffer, host: string, key: KeyPairKeyObjectResult): object {
  const sha256 = (...parts: readonly Buffer[]) => createHash('sha256').update(Buffer.concat(parts)).digest()
  const [leaf, node] = [Buffer.from([0]), Buffer.from([1])]
  const first = sha256(leaf, Buffer.from('an earlier entry'))
  const root = sha256(node, first, sha256(leaf, body))
  const note = `${host} - 1\n2\n${root.toString('base64')}\n`
  const hinted = Buffer.concat([idOf(key).subarray(0, 4), sign('sha256', Buffer.from(note), key.privateKey)])
  return {
    logIndex: 1,
    treeSize: 2,
    rootHash: root.toString('hex'),
    hashes: [first.toString('hex')],
    checkpoint: `${note}\n\u2014 ${host} ${hinted.toString('base64')}\n`,
  }
}

const ecKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' })

export async function startSigstore(): Promise<Sigstore> {
  const [caKeys, ctKeys, logKeys, tsaKeys] = [ecKey(), ecKey(), ecKey(), ecKey()]
  const clock = new Date()
  const ca = await initializeCA(caKeys, certificateLog(ctKeys), clock)
  const tsa = await initializeTSA(tsaKeys, clock)
  // Set only now, so that no certificate of theirs begins in a later second. Whole seconds: of a fraction that ends with 0
  // the timestamp's writer makes what its reader does not know.
  clock.setTime(Math.floor(Date.now() / 1000) * 1000)
  const requests: string[] = []
  const refused = new Map<string, number>()
  const handlers: {
    readonly path: string
    fn(body: never): Promise<{ statusCode: number; response: string | Buffer }>
  }[] = []
  const server = createServer((request, response) => {
    const pieces: Buffer[] = []
    request.on('data', (piece: Buffer) => pieces.push(piece))
    request.on('end', async () => {
      const path = request.url ?? ''
      requests.push(path)
      // Python's client looks up whom to ask for a token, though it has one.
      if (path === '/.well-known/openid-configuration')
        return response.end(JSON.stringify({ authorization_endpoint: url, token_endpoint: url }))
      const status = refused.get(path)
      const handler = handlers.find((one) => one.path === path)
      if (status !== undefined || handler === undefined) return response.writeHead(status ?? 404).end('{}')
      const answer = await handler.fn(asked(Buffer.concat(pieces).toString(), request.headers.authorization) as never)
      return response.writeHead(answer.statusCode, { 'content-type': 'application/json' }).end(answer.response)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const log = await initializeTLog(url, logKeys)
  const rekor = rekorHandler({
    ...log,
    async log(proposed) {
      const answer = await log.log(loggedEntry(proposed as never))
      for (const { body, verification } of Object.values(answer as Record<string, LogAnswer>))
        Object.assign(verification, {
          inclusionProof: proofOfSecond(Buffer.from(body, 'base64'), new URL(url).host, logKeys),
        })
      return answer
    },
  })
  handlers.push(fulcioHandler(ca), rekor, tsaHandler(tsa))

  const start = '2020-01-01T00:00:00Z'
  const instance = (key: KeyPairKeyObjectResult) => ({
    baseUrl: url,
    hashAlgorithm: 'SHA2_256',
    publicKey: {
      rawBytes: der(key).toString('base64'),
      keyDetails: 'PKIX_ECDSA_P256_SHA_256',
      validFor: { start },
    },
    logId: { keyId: idOf(key).toString('base64') },
  })
  const authority = (...certificates: readonly Buffer[]) => ({
    subject: { organization: 'sigstore.mock', commonName: 'sigstore' },
    uri: url,
    certChain: { certificates: certificates.map((raw) => ({ rawBytes: raw.toString('base64') })) },
    validFor: { start },
  })
  const service = [{ url, majorApiVersion: 1, validFor: { start }, operator: 'sheikh' }]
  return {
    requests,
    trustedRoot: JSON.stringify({
      mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
      tlogs: [instance(logKeys)],
      ctlogs: [instance(ctKeys)],
      certificateAuthorities: [authority(ca.rootCertificate)],
      timestampAuthorities: [authority(tsa.intCertificate, tsa.rootCertificate)],
    }),
    signingConfig: JSON.stringify({
      mediaType: 'application/vnd.dev.sigstore.signingconfig.v0.2+json',
      caUrls: service,
      oidcUrls: service,
      rekorTlogUrls: service,
      rekorTlogConfig: { selector: 'ANY' },
      // Logs of Rekor 2 give no time of their own.
      tsaUrls: service,
      tsaConfig: { selector: 'ANY' },
    }),
    refuse: (path, status) => void refused.set(path, status),
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  }
}
