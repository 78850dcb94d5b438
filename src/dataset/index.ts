export { Dataset, type DatasetConstructor, rowsOf } from './dataset.js'
export type {
  DatasetOptions,
  FieldName,
  FieldSelector,
  SelectedValue,
  TrainingSelection,
  UntypedSample,
} from './dataset-options.js'
export type {
  AskedDataset,
  DatasetContents,
  DatasetContext,
  DatasetSnapshot,
  DatasetSummary,
  DescribedRow,
  ExaminedSample,
  OpenedDataset,
  PinnedFields,
  PinnedItem,
  PinnedSet,
  PinnedSource,
  Projection,
  ProjectionPass,
  ReadPlace,
  Repin,
  RowIdentity,
  RowWithSample,
  Source,
  SourceEntry,
  SourceSample,
} from './dataset-types.js'
export { diffIdentities, type IdentityDifference } from './diff.js'
export {
  type Counts,
  type DatasetDifference,
  type DiffContentsOptions,
  diffContents,
  diffSharedContents,
  type FieldChange,
  fieldChanges,
  type NamedCounts,
  noRows,
  type Relabelled,
  type SampleChange,
  type SampleName,
} from './diff-contents.js'
export {
  checkJoin,
  type FeastFeatureService,
  type FeastFeatureView,
  type FeatureJoin,
  type FeatureView,
} from './features/feature-join.js'
export {
  type FeatureType,
  featureTypes,
  formatSnapshot,
  type LoadedSnapshot,
  loadSnapshot,
  type SnapshotHeader,
  type SnapshotLine,
  typesIn,
} from './features/feature-snapshot.js'
export type { TimeFormat, TimeUnit } from './features/feature-time.js'
export { type FeatureSnapshot, joinFeatures } from './features/join-features.js'
export { type WithFeaturesOptions, withFeatures } from './features/with-features.js'
export type { FileTree } from './files/files-in-tree.js'
export type { NamedFilesOptions } from './files/named-files.js'
export { namedFilesIn, namedPaths, pathProblem } from './files/named-paths.js'
export { type ReadNamedFileOptions, readNamedFile } from './files/read-named-file.js'
export { type LargeFileAccess, openWholeFolder } from './files/whole-folder.js'
export { type FindSampleOptions, type FoundSample, findSample } from './find-sample.js'
export { type GroupsInIds, groupsInIds } from './groups-in-ids.js'
export { type DatasetIssue, issuesOf } from './issues.js'
export { type InexactNumber, inexactProblem, isTextMember, parseJsonKeepingDigits } from './json-text.js'
export { areLabels, isCategorical } from './labels.js'
export { formatPinnedSet, parsePinnedSet } from './pinned-format.js'
export {
  addToPinnedSet,
  groupKeyOf,
  type PinnedStatus,
  pinnedStatus,
  proposePinnedSet,
  repinSet,
} from './pinned-set.js'
export { pinnedFile, pinnedSet } from './pinned-source.js'
export {
  type CheckQualityOptions,
  type CountTokensOptions,
  checkQuality,
  countTokens,
  type DataCheckKindOptions,
  type DataCheckWorkers,
  dataCheckKind,
  distributionShape,
  eachText,
  Histogram,
  type LabelledRow,
  type LabelMove,
  type LabelMoves,
  type PersonalData,
  packLabels,
  type QualityAction,
  type QualityFinding,
  type QualityFindingBase,
  type QualityKind,
  type QualityOptions,
  type QualityOrigin,
  type QualityPlace,
  type QualityReport,
  type QualitySetting,
  type QualitySimilarity,
  qualityFailure,
  qualityKinds,
  qualityReportShape,
  qualitySettings,
  qualityWarnings,
  type ReleasedData,
  type RowTokenCounter,
  type RowTokens,
  SecretScanner,
  shortQualityReport,
  type TokenCounter,
  type TokenCounts,
  type TokenDistribution,
  unpackLabels,
} from './quality/index.js'
export { formatQuarantine, type QuarantinedSample, type QuarantineSource, quarantineFile } from './quarantine.js'
export { notPlain } from './row-projection.js'
export { digestSample } from './sample-identity.js'
export { compileJsonSchema, type JsonSchema, type JsonSchemaFile, jsonSchemaFile } from './schema/json-schema.js'
export type { StandardIssue, StandardResult, StandardSchema } from './schema/standard-schema.js'
export { isSelected, rankOf, type SelectionOptions } from './selection.js'
export {
  type NamedState,
  type SharedContents,
  type SharedRows,
  sharedContents,
  type UnchangedFiles,
} from './shared-contents.js'
export { groupTexts } from './similar-texts.js'
export { Groups } from './sketch-set.js'
export { snapshotOnce } from './snapshot-once.js'
export { type AsyncSamplesOptions, asyncSamples } from './sources/async-samples.js'
export { decodeText, encodingOf, isGzip, withoutMarks } from './sources/decode-text.js'
export { globMatcher } from './sources/glob.js'
export { type LargeFile, type LargeFiles, largeFileAt } from './sources/large-files.js'
export type { SizeLimits } from './sources/limits.js'
export { memorySamples } from './sources/memory-samples.js'
export type { ParquetOptions } from './sources/parquet/to-json.js'
export { type CsvOptions, readCsv } from './sources/read-csv.js'
export { samplesOf } from './sources/sample-batches.js'
export {
  type FileFormatOptions,
  fileFormat,
  listedSampleFiles,
  readFile as readSampleFile,
  type SampleFilesOptions,
  sampleFiles,
} from './sources/sample-files.js'
export { isSampleFile, sampleFormatOf } from './sources/sample-format.js'
export { startsWithLines } from './sources/starts-with-lines.js'
export type { Charset } from './sources/text-chunks.js'
export { absentGroup } from './summary.js'
export { datasetSummaryShape } from './summary-shape.js'
export { equalityOf, TextIndex, textOf } from './text-index.js'
