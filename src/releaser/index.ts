export { readBundle } from './bundle.js'
export type { Bundle, Intent, Release, ReleaseRecord, Releaser, Staged, StageRequest, Version } from './releaser.js'
export { isVersion, nextVersion, parseVersion } from './version.js'
