import { randomUUID } from 'node:crypto'
import {
  type CallContext,
  createRedactor,
  isSheikhError,
  messageOf,
  SheikhError,
  webAddress,
} from '../../core/index.js'
import { bucketFailed, statusOf } from './bucket-failed.js'

export interface BucketOptions {
  /** `s3://bucket`, or `s3://bucket/a/prefix`. */
  readonly address: string
  /** Of a server that is not Amazon's: MinIO, Cloudflare R2, Ceph. It is asked by path, not by host name. @default Amazon's */
  readonly endpoint?: string | undefined
  /** @default what the client finds (AWS_REGION, a profile); `us-east-1` with an `endpoint` */
  readonly region?: string | undefined
  /** @default what the client finds: variables, a profile, single sign-on, the runner's or the machine's role */
  readonly credentials?: BucketCredentials | undefined
  /** More for the `S3Client` of @aws-sdk/client-s3: a proxy's `requestHandler`, `useDualstackEndpoint`. */
  readonly client?: Readonly<Record<string, unknown>> | undefined
}

export interface BucketCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string | undefined
}

/** What is known of an object without its bytes. */
export interface ObjectHead {
  readonly sizeBytes: number
  /** The server's own, in base64: of the whole, or `…-N` of the digests of N parts. Absent: it keeps none. */
  readonly sha256?: string | undefined
}

/** An object on its way. */
export interface ObjectPart {
  readonly key: string
  readonly uploadId: string
  /** From 1. */
  readonly number: number
  readonly bytes: Uint8Array
  /** Base64. */
  readonly sha256: string
}

export interface UploadedPart {
  readonly number: number
  readonly etag: string
  readonly sha256: string
}

export type Bucket = ReturnType<typeof openBucket>

/** A document is read whole. */
const largestDocumentBytes = 64 * 2 ** 20
const writeMark = 'sheikh-write'
type S3 = typeof import('@aws-sdk/client-s3')

/**
 * Objects under a prefix of an S3-compatible bucket, through @aws-sdk/client-s3. Keys are given without the prefix.
 *
 * @throws `invalid-options`; from its methods `missing-peer`, `access-denied`, `not-found`, `remote-failed`, `release-rejected`.
 */
export function openBucket(options: BucketOptions) {
  const { bucket, prefix } = parseAddress(options.address)
  if (options.endpoint !== undefined) webAddress(options.endpoint, 'endpoint', 'https://s3.example.com')
  const { accessKeyId, secretAccessKey, sessionToken } = options.credentials ?? {}
  const redact = createRedactor([accessKeyId, secretAccessKey, sessionToken].filter((value) => value !== undefined))
  const name = prefix === '' ? bucket : `${bucket}/${prefix.slice(0, -1)}`
  let opening: Promise<{ readonly s3: S3; readonly client: InstanceType<S3['S3Client']> }> | undefined
  let isChecked = false

  const fullKey = (key: string) => `${prefix}${key}`
  const at = (key: string) => ({ Bucket: bucket, Key: fullKey(key) })

  async function open() {
    const s3 = await loadClient()
    const client = new s3.S3Client({
      maxAttempts: 5,
      // Those of other makers know no checksums that nobody asked for.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      requestHandler: { connectionTimeout: 10_000, socketTimeout: 60_000 },
      ...(options.endpoint !== undefined && { endpoint: options.endpoint, forcePathStyle: true, region: 'us-east-1' }),
      ...(options.region !== undefined && { region: options.region }),
      ...(options.credentials !== undefined && { credentials: { ...options.credentials } as BucketCredentials }),
      ...options.client,
    } as NonNullable<ConstructorParameters<S3['S3Client']>[0]>)
    return { s3, client }
  }

  /** @returns `undefined` for an answer whose status is one of `expected`. */
  async function ask<V>(
    act: string,
    expected: readonly number[],
    context: CallContext,
    work: (s3: S3, client: InstanceType<S3['S3Client']>, options: { abortSignal: AbortSignal }) => Promise<V>,
  ): Promise<V | undefined> {
    context.signal.throwIfAborted()
    // The client listens several times a request; so many on the signal of a run would be warned of.
    const aborting = new AbortController()
    const abort = () => aborting.abort()
    context.signal.addEventListener('abort', abort)
    try {
      opening ??= open()
      const { s3, client } = await opening
      return await work(s3, client, { abortSignal: aborting.signal })
    } catch (error) {
      context.signal.throwIfAborted()
      if (isSheikhError(error)) throw error
      const code = (error as { readonly name?: unknown }).name
      if (expected.includes(statusOf(error) ?? 0) && code !== 'NoSuchBucket') return undefined
      throw bucketFailed(`${act} in s3://${name}`, error, redact)
    } finally {
      context.signal.removeEventListener('abort', abort)
    }
  }

  async function head(key: string, context: CallContext) {
    return await ask(`look at ${key}`, [404], context, (s3, client, sending) =>
      client.send(new s3.HeadObjectCommand({ ...at(key), ChecksumMode: 'ENABLED' }), sending),
    )
  }

  async function put(key: string, bytes: Uint8Array, context: CallContext, sha256?: string): Promise<void> {
    await ask(`write ${key}`, [], context, (s3, client, sending) =>
      client.send(
        new s3.PutObjectCommand({ ...at(key), Body: bytes, ...(sha256 !== undefined && { ChecksumSHA256: sha256 }) }),
        sending,
      ),
    )
  }

  async function createOnce(key: string, bytes: Uint8Array, context: CallContext): Promise<boolean> {
    const mark = randomUUID()
    const made = await ask(`write ${key}`, [409, 412], context, (s3, client, sending) =>
      client.send(
        new s3.PutObjectCommand({ ...at(key), Body: bytes, IfNoneMatch: '*', Metadata: { [writeMark]: mark } }),
        sending,
      ),
    )
    if (made !== undefined) return true
    // The answer to a write of ours may have been lost, and the client asked again.
    return (await head(key, context))?.Metadata?.[writeMark] === mark
  }

  /** A server that takes `If-None-Match` and does not keep to it would let two releases have one version. */
  async function checkConditions(context: CallContext): Promise<void> {
    if (isChecked) return
    const probe = new TextEncoder().encode('Written once: this server keeps to If-None-Match.\n')
    const key = 'conditional-writes.txt'
    if ((await createOnce(key, probe, context)) && (await createOnce(key, probe, context)))
      throw new SheikhError(
        'release-rejected',
        `Cannot write in s3://${name}: the server ignores "If-None-Match", so two writers could overwrite each other. Use one that has conditional writes.`,
      )
    isChecked = true
  }

  return {
    name,

    head: async (key: string, context: CallContext): Promise<ObjectHead | undefined> => {
      const found = await head(key, context)
      return found && { sizeBytes: found.ContentLength ?? 0, sha256: found.ChecksumSHA256 }
    },

    /** A small object, whole. */
    async read(key: string, context: CallContext): Promise<Uint8Array | undefined> {
      return await ask(`read ${key}`, [404], context, async (s3, client, sending) => {
        const { Body, ContentLength = 0 } = await client.send(new s3.GetObjectCommand(at(key)), sending)
        if (ContentLength > largestDocumentBytes) throw tooLarge(key, ContentLength)
        return Body!.transformToByteArray()
      })
    },

    /** Bytes of an object as they come; `undefined` where there is none of that name. */
    async stream(
      key: string,
      range: string,
      context: CallContext,
    ): Promise<{ readonly status: number; readonly body: ReadableStream<Uint8Array> } | undefined> {
      return await ask(`read ${key}`, [404, 416], context, async (s3, client, sending) => {
        const { Body, ContentRange } = await client.send(new s3.GetObjectCommand({ ...at(key), Range: range }), sending)
        return { status: ContentRange === undefined ? 200 : 206, body: Body!.transformToWebStream() }
      })
    },

    put,

    /** A small object, whole, and the server's name for this state of it. */
    async readState(key: string, context: CallContext) {
      return await ask(`read ${key}`, [404], context, async (s3, client, sending) => {
        const { Body, ContentLength = 0, ETag } = await client.send(new s3.GetObjectCommand(at(key)), sending)
        if (ContentLength > largestDocumentBytes) throw tooLarge(key, ContentLength)
        return { bytes: await Body!.transformToByteArray(), state: ETag }
      })
    },

    /**
     * Replaces an object that is still in this state. A server without If-Match replaces it in any case.
     *
     * @returns `false` if it changed, is gone, or is being written by somebody else.
     */
    async replace(key: string, bytes: Uint8Array, state: string | undefined, context: CallContext): Promise<boolean> {
      const done = await ask(`write ${key}`, [404, 409, 412], context, (s3, client, sending) =>
        client.send(
          new s3.PutObjectCommand({ ...at(key), Body: bytes, ...(state !== undefined && { IfMatch: state }) }),
          sending,
        ),
      )
      return done !== undefined
    },

    /** Writes a small object where there is none of that name: of many callers one gets `true`. */
    async create(key: string, bytes: Uint8Array, context: CallContext): Promise<boolean> {
      await checkConditions(context)
      return await createOnce(key, bytes, context)
    },

    /** Keys under a prefix, in the order of their bytes. @param after only keys behind this one. */
    async *list(under: string, context: CallContext, after?: string): AsyncGenerator<string> {
      let token: string | undefined
      do {
        const page = await ask(`list ${under}`, [], context, (s3, client, sending) =>
          client.send(
            new s3.ListObjectsV2Command({
              Bucket: bucket,
              Prefix: fullKey(under),
              ...(token !== undefined && { ContinuationToken: token }),
              ...(token === undefined && after !== undefined && { StartAfter: fullKey(after) }),
            }),
            sending,
          ),
        )
        for (const { Key } of page?.Contents ?? []) if (Key?.startsWith(prefix)) yield Key.slice(prefix.length)
        token = page?.IsTruncated === true ? page.NextContinuationToken : undefined
      } while (token !== undefined)
    },

    /** One that is not there is no error. */
    async remove(key: string, context: CallContext): Promise<void> {
      await ask(`remove ${key}`, [404], context, (s3, client, sending) =>
        client.send(new s3.DeleteObjectCommand(at(key)), sending),
      )
    },

    /** Within the server, up to 5 GiB. @returns whether there was something to copy. */
    async copy(from: string, to: string, context: CallContext): Promise<boolean> {
      const source = `${bucket}/${fullKey(from)}`.split('/').map(encodeURIComponent).join('/')
      const copied = await ask(`copy ${from}`, [404], context, (s3, client, sending) =>
        client.send(new s3.CopyObjectCommand({ ...at(to), CopySource: source, ChecksumAlgorithm: 'SHA256' }), sending),
      )
      return copied !== undefined
    },

    async startParts(key: string, context: CallContext): Promise<string> {
      const started = await ask(`write ${key}`, [], context, (s3, client, sending) =>
        client.send(new s3.CreateMultipartUploadCommand({ ...at(key), ChecksumAlgorithm: 'SHA256' }), sending),
      )
      return started!.UploadId!
    },

    async putPart({ key, uploadId, number, bytes, sha256 }: ObjectPart, context: CallContext): Promise<UploadedPart> {
      const sent = await ask(`write part ${number} of ${key}`, [], context, (s3, client, sending) =>
        client.send(
          new s3.UploadPartCommand({
            ...at(key),
            UploadId: uploadId,
            PartNumber: number,
            Body: bytes,
            ChecksumSHA256: sha256,
          }),
          sending,
        ),
      )
      return { number, etag: sent!.ETag!, sha256 }
    },

    async endParts(key: string, uploadId: string, parts: readonly UploadedPart[], context: CallContext): Promise<void> {
      const Parts = parts.map(({ number, etag, sha256 }) => ({
        PartNumber: number,
        ETag: etag,
        ChecksumSHA256: sha256,
      }))
      await ask(`write ${key}`, [], context, (s3, client, sending) =>
        client.send(
          new s3.CompleteMultipartUploadCommand({ ...at(key), UploadId: uploadId, MultipartUpload: { Parts } }),
          sending,
        ),
      )
    },

    /** Uploads under a prefix that were begun and never ended: their parts are paid for. */
    async *startedParts(
      under: string,
      context: CallContext,
    ): AsyncGenerator<{ readonly key: string; readonly uploadId: string }> {
      const page = await ask(`list uploads of ${under}`, [501], context, (s3, client, sending) =>
        client.send(new s3.ListMultipartUploadsCommand({ Bucket: bucket, Prefix: fullKey(under) }), sending),
      )
      for (const { Key, UploadId } of page?.Uploads ?? [])
        if (Key?.startsWith(prefix) && UploadId !== undefined)
          yield { key: Key.slice(prefix.length), uploadId: UploadId }
    },

    async abortParts(key: string, uploadId: string, context: CallContext): Promise<void> {
      await ask(`abort the upload of ${key}`, [404], context, (s3, client, sending) =>
        client.send(new s3.AbortMultipartUploadCommand({ ...at(key), UploadId: uploadId }), sending),
      )
    },
  }
}

function parseAddress(address: string): { readonly bucket: string; readonly prefix: string } {
  const match = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/.exec(address)
  const [, bucket, path = ''] = match ?? []
  const parts = path.split('/').filter((part) => part !== '')
  if (bucket === undefined || parts.some((part) => part === '.' || part === '..' || !/^[\w!.*'() -]+$/.test(part)))
    throw new SheikhError(
      'invalid-options',
      `Cannot use ${JSON.stringify(address)} as a bucket: write it like "s3://bucket/prefix".`,
    )
  return { bucket, prefix: parts.length === 0 ? '' : `${parts.join('/')}/` }
}

async function loadClient(): Promise<S3> {
  try {
    return await import('@aws-sdk/client-s3')
  } catch (error) {
    throw new SheikhError(
      'missing-peer',
      `Cannot load "@aws-sdk/client-s3" (${messageOf(error).split('\n')[0]}). Install it: npm install @aws-sdk/client-s3`,
      { cause: error },
    )
  }
}

const tooLarge = (key: string, sizeBytes: number) =>
  new SheikhError(
    'artifact-corrupt',
    `Cannot read "${key}": it has ${sizeBytes} bytes, and a document has at most ${largestDocumentBytes}.`,
  )
