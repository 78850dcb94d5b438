export { Dataset } from './dataset.js'
export type { DatasetOptions, FieldOf, Part, UntypedSample, ValueOf } from './dataset-options.js'
export type {
  DatasetContext,
  DatasetSnapshot,
  DatasetSummary,
  PinnedItem,
  PinnedSet,
  PinnedSource,
  Projection,
  RowIdentity,
  Source,
  SourceEntry,
  SourceSample,
} from './dataset-types.js'
export { diffIdentities, type IdentityDifference } from './diff.js'
export { type DatasetIssue, issuesError } from './issues.js'
export {
  addToPinnedSet,
  formatPinnedSet,
  type PinnedStatus,
  parsePinnedSet,
  pinnedStatus,
  proposePinnedSet,
} from './pinned-set.js'
export { pinnedFile, pinnedSet } from './pinned-source.js'
export { type JsonSchema, type JsonSchemaFile, jsonSchemaFile } from './schema/json-schema.js'
export type { StandardSchema } from './schema/standard-schema.js'
export { isSelected, type Selection } from './selection.js'
export { type JsonFilesOptions, jsonFiles } from './sources/json-files.js'
export { memorySamples } from './sources/memory-samples.js'
