/** What a file of samples is written in. */
export type SampleFormat = 'json' | 'lines' | 'csv' | 'tsv'

const formats: Readonly<Record<string, SampleFormat>> = {
  json: 'json',
  jsonl: 'lines',
  ndjson: 'lines',
  csv: 'csv',
  tsv: 'tsv',
}

/** The format that a path names in upper or lower case, also behind `.gz`: `a.CSV`, `a.jsonl.gz`. */
export function sampleFormatOf(path: string): SampleFormat | undefined {
  // Nearly every file of ten thousand.
  if (path.endsWith('.json')) return 'json'
  const [, extension] = /\.([a-z]+)(?:\.gz)?$/i.exec(path) ?? []
  const name = extension?.toLowerCase()
  return name !== undefined && Object.hasOwn(formats, name) ? formats[name] : undefined
}

/** Formats that hold samples elsewhere: such a file was meant to be read. */
const unreadFormats =
  /\.(parquet|arrow|feather|avro|orc|xlsx?|ods|sqlite3?|npy|npz|pkl|pickle|h5|hdf5|mat|sav|dta|rds|tfrecords?|zip|7z|rar|tar|tgz|bz2|xz|zst|lz4|br|gz)$/i

/** What is wrong with a file that holds samples in a format that is not read; `undefined` for any other file. */
export function unreadFormatOf(path: string): string | undefined {
  const [, extension] = unreadFormats.exec(path) ?? []
  return extension === undefined
    ? undefined
    : `.${extension} files are not read; write JSON, JSONL (.jsonl, .ndjson), CSV or TSV, with .gz if you like, or move the file`
}
