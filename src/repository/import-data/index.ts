export { type DataImport, type ImportDataOptions, importData } from './import-data.js'
export type {
  DataImportPlan,
  FieldChoice,
  ImportFormat,
  ImportSplit,
  LeftOut,
  LeftOutRecord,
  ProposedProjection,
} from './plan.js'
export type { GivenFields } from './propose-projection.js'
export type { ImportedData } from './write-import.js'
