export { type DataImport, type ImportDataOptions, importData } from './import-data.js'
export type {
  DataImportPlan,
  FieldChoice,
  ImportFormat,
  ImportSplit,
  LeftOutRecord,
  LeftOutSample,
  ProposedProjection,
} from './plan.js'
export type { GivenFields } from './propose-projection.js'
export type { ImportedData } from './write-import.js'
