export type { Fetch, RetryOptions } from './releaser/remote/index.js'
export { type S3Progress, type S3RegistryOptions, s3Registry } from './releaser/s3/index.js'
export type { BucketCredentials, BucketOptions } from './store/bucket/index.js'
export { s3Store } from './store/s3/index.js'
