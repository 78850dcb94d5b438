export { payloadFolders, readBundle, weightsOf } from './bundle.js'
export { endedOverride } from './ended-override.js'
export { type LoadReleaseOptions, loadRelease, type ReleasedModel } from './load-release.js'
export { parseRelease, parseStaged } from './parse-release.js'
export type {
  Bundle,
  Intent,
  Release,
  ReleaseRecord,
  Releaser,
  Staged,
  StagedState,
  StageRequest,
  Version,
} from './releaser.js'
export { isVersion, nextVersion, parseVersion } from './version.js'
