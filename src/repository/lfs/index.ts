export { type GitLfsOptions, gitLfs, type LfsProgress, objectIn } from './git-lfs.js'
export { lfsStorage } from './lfs-endpoint.js'
export { lfsTransfers } from './lfs-transfers.js'
