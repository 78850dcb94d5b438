export { Dataset } from './dataset.js'
export type { DatasetOptions, Part, TrainingSelection, UntypedSample } from './dataset-options.js'
export type {
  DatasetSnapshot,
  DatasetSummary,
  OpenedDataset,
  PinnedFields,
  PinnedSet,
  Projection,
  Repin,
  RowIdentity,
  Source,
  SourceEntry,
} from './dataset-types.js'
export { diffIdentities } from './diff.js'
export { type GroupsInIds, groupsInIds } from './groups-in-ids.js'
export { inexactProblem, isTextMember, parseJsonKeepingDigits } from './json-text.js'
export { formatPinnedSet, parsePinnedSet } from './pinned-format.js'
export {
  addToPinnedSet,
  groupKeyOf,
  pinnedStatus,
  proposePinnedSet,
  repinSet,
} from './pinned-set.js'
export { pinnedFile, pinnedSet } from './pinned-source.js'
export { jsonSchemaFile } from './schema/json-schema.js'
export type { StandardSchema } from './schema/standard-schema.js'
export { isSelected } from './selection.js'
export { decodeText, encodingOf, isGzip, withoutMarks } from './sources/decode-text.js'
export { globMatcher } from './sources/glob.js'
export { memorySamples } from './sources/memory-samples.js'
export { sampleFiles } from './sources/sample-files.js'
export { sampleFormatOf } from './sources/sample-format.js'
