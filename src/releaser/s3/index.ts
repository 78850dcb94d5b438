export { type S3Progress, type S3RegistryOptions, s3Registry } from './s3-registry.js'
