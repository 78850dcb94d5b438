import { type BucketOptions, openBucket } from '../../store/bucket/index.js'
import { type Releaser, storedRegistry } from '../index.js'
import { bucketStorage, type FileProgress } from './bucket-storage.js'

export interface S3RegistryOptions extends BucketOptions {
  /** Reports the progress of a file that is uploaded or downloaded, 0..1. */
  readonly onProgress?: ((progress: S3Progress) => void) | undefined
}

export interface S3Progress {
  readonly direction: 'upload' | 'download'
  readonly path: string
  readonly progress: number
}

/**
 * A registry in an Amazon S3 bucket, or on a compatible server with conditional writes (`If-None-Match`):
 * `bundles/<digest>/`, `pending/<version>-<digest>.json`, `releases/<version>.json`, `withdrawals/`, `removals/`,
 * `channels/<name>/<number>.json`. Readers use only `releases/`, where each object is created once and completely.
 * Files of earlier bundles are copied on the server. The pipeline's lock allows one writer at a time; if two writers race, one
 * gets `release-conflict`.
 *
 * @throws `invalid-options`; its methods also throw `missing-peer`, `access-denied`, `remote-failed` and `release-rejected`.
 */
export function s3Registry(options: S3RegistryOptions): Releaser {
  const progressOf: FileProgress =
    (direction, { path, sizeBytes }) =>
    (bytes) =>
      options.onProgress?.({ direction, path, progress: sizeBytes === 0 ? 1 : bytes / sizeBytes })
  return storedRegistry(bucketStorage(openBucket(options), progressOf), {
    name: 's3',
    describe: () => ({ address: options.address, endpoint: options.endpoint ?? null }),
  })
}
