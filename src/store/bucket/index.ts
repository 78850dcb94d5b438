export { type Bucket, type BucketCredentials, type BucketOptions, type ObjectHead, openBucket } from './bucket.js'
export { isSameObject, uploadObject } from './upload-object.js'
