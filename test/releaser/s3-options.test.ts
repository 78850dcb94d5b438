import { expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { s3Registry } from '../../src/s3.js'
import { bucketFailed } from '../../src/store/bucket/bucket-failed.js'

const credentials = { accessKeyId: 'an-id', secretAccessKey: 'a-secret-of-somebody' }

it.each(['models', 's3://', 's3://UPPER', 's3://models/../x', 's3://models/a?b', 'https://models'])(
  '%j is no address of a bucket',
  (address) => expect(() => s3Registry({ address })).toThrow(expect.objectContaining({ code: 'invalid-options' })),
)

it('a server that is not to be reached can be asked again', async () => {
  const options = { address: 's3://models', endpoint: 'http://127.0.0.1:9', credentials, client: { maxAttempts: 1 } }
  await expect(s3Registry(options).current('latest', callContext())).rejects.toMatchObject({
    code: 'remote-failed',
    retryable: true,
  })
})

it.each([
  [{ name: 'AccessDenied', $metadata: { httpStatusCode: 403 } }, 'access-denied', false],
  [{ name: 'ExpiredToken', $metadata: { httpStatusCode: 400 } }, 'access-denied', false],
  [{ name: 'CredentialsProviderError' }, 'access-denied', false],
  [{ name: 'NoSuchBucket', $metadata: { httpStatusCode: 404 } }, 'not-found', false],
  [{ name: 'SlowDown', $metadata: { httpStatusCode: 503 } }, 'remote-failed', true],
  [{ name: 'NotImplemented', $metadata: { httpStatusCode: 501 } }, 'release-rejected', false],
  [{ name: 'TimeoutError' }, 'remote-failed', true],
  [{ name: 'Error', message: 'Region is missing' }, 'invalid-options', false],
])('an error of the client, %j, is %s', (error, code, retryable) => {
  const thrown = Object.assign(new Error('said a-secret-of-somebody'), error)
  const failure = bucketFailed('read x', thrown, (text) => text.replaceAll(credentials.secretAccessKey, '***'))
  expect(failure).toMatchObject({ code, retryable })
  expect(failure.message).not.toContain(credentials.secretAccessKey)
})
