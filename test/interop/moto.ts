import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { S3UnderTest } from '../releaser/s3-suite.js'
import { interopPython } from './python.js'

export interface Moto extends S3UnderTest, AsyncDisposable {
  /** The variables by which a project finds the server and has a bucket as its store. */
  environment(prefix: string): Readonly<Record<string, string>>
}

/** Starts moto's server of Amazon's protocol, with a bucket. It ends with this process. */
export async function startMoto(): Promise<Moto> {
  const child = spawn(interopPython()!, [join(import.meta.dirname, 's3-moto.py')], {
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  const { endpoint, bucket } = JSON.parse(line) as Pick<S3UnderTest, 'endpoint' | 'bucket'>
  const credentials = { accessKeyId: 'testing', secretAccessKey: 'testing' }
  return {
    ...{ endpoint, bucket, credentials },
    environment: (prefix) => ({
      SHEIKH_STORE: `s3://${bucket}/${prefix}`,
      AWS_ENDPOINT_URL: endpoint,
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    }),
    async [Symbol.asyncDispose]() {
      child.stdin.end()
      await once(child, 'exit')
    },
  }
}
