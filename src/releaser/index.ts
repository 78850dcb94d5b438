export { bundleOf, payloadFolders, readBundle, weightsOf } from './bundle.js'
export { checkedChannel } from './channel-name.js'
export { endedOverride } from './ended-override.js'
export { type LoadReleaseOptions, loadRelease, type ReleasedModel, type ReleaseReader } from './load-release.js'
export { parsePending, parseRelease, pendingOf } from './parse-release.js'
export {
  corruptRecord,
  notFound,
  notHeld,
  pendingGone,
  pointedAt,
  unlessDamaged,
  versionTaken,
} from './registry-errors.js'
export { byVersion } from './release-order.js'
export {
  type Attestation,
  type JudgedCandidate,
  judgedCandidateShape,
  type LedgerAnchor,
  type ReleaseApproval,
  type ReleasedAnswers,
  type ReleaseOverride,
  type ReleasePolicy,
  type ReleaseRecord,
  type ReleaseSource,
  type RunMeasurement,
  releasePolicyShape,
  releaseSourceShape,
  runMeasurementShape,
} from './release-record.js'
export { pendingName } from './release-records.js'
export type { Checksums, ReleaseStorage, StoredBundle } from './release-storage.js'
export { releaseTo } from './release-to.js'
export type {
  Attester,
  Bundle,
  PendingRelease,
  PendingState,
  PostPublishActions,
  PrepareRequest,
  Release,
  Releaser,
  UnexplainedItem,
  Version,
} from './releaser.js'
export { storedRegistry } from './stored-registry.js'
export { type TagFormat, tagFormat } from './tag-format.js'
export { findUnexplained } from './unexplained.js'
export {
  compareVersions,
  isVersion,
  type NextVersion,
  nextVersion,
  parseVersion,
  type VersionLevel,
} from './version.js'
