export { type GitLfsOptions, gitLfs, type LfsProgress } from './git-lfs.js'
export { lfsTransfers } from './lfs-transfers.js'
