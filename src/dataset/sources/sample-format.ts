/** Format of a file of samples. */
export type SampleFormat = 'json' | 'lines' | 'csv' | 'tsv' | 'parquet'

const formats: Readonly<Record<string, SampleFormat>> = {
  json: 'json',
  jsonl: 'lines',
  ndjson: 'lines',
  csv: 'csv',
  tsv: 'tsv',
}

/** The format for a path's extension, in upper or lower case: `a.CSV`, `a.jsonl.gz`, `a.csv.zst`, `a.parquet`. */
export function sampleFormatOf(path: string): SampleFormat | undefined {
  // Fast path for the most common extension.
  if (path.endsWith('.json')) return 'json'
  if (/\.parquet$/i.test(path)) return 'parquet'
  const [, extension] = /\.([a-z]+)(?:\.(?:gz|zst))?$/i.exec(path) ?? []
  const name = extension?.toLowerCase()
  return name !== undefined && Object.hasOwn(formats, name) ? formats[name] : undefined
}

/** Formats that other tools use for samples. Such a file was probably meant to be read. */
const unreadFormats =
  /\.(arrow|feather|avro|orc|xlsx?|ods|sqlite3?|npy|npz|pkl|pickle|h5|hdf5|mat|sav|dta|rds|tfrecords?|zip|7z|rar|tar|tgz|bz2|xz|zst|lz4|br|gz)$/i

/** The problem of a file with samples in an unsupported format; `undefined` for any other file. */
export function unreadFormatOf(path: string): string | undefined {
  const [, extension] = unreadFormats.exec(path) ?? []
  return extension === undefined
    ? undefined
    : `.${extension} files are not supported; convert it to Parquet, JSON, JSONL (.jsonl, .ndjson), CSV or TSV, the last four optionally with .gz or .zst, or move the file`
}

/** Whether a source of files reads a file below its folder, or refuses it. Other files are skipped. */
export const isSampleFile = (path: string): boolean =>
  sampleFormatOf(path) !== undefined || unreadFormatOf(path) !== undefined
