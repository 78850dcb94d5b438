// The same with a loop over the file and no dataset: plain-data.mjs <file> <schema>. JSONL: JSON.parse and ajv for each line.
// Parquet: hyparquet and ajv, a row group at a time.
import { createReadStream, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { Ajv } from 'ajv'
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { peakMemoryKb } from './peak-memory.mjs'

const [path, schema] = process.argv.slice(2)
const validate = new Ajv().compile(JSON.parse(readFileSync(schema, 'utf8')))
let rows = 0
const check = (value) => {
  if (!validate(value)) throw new Error(`Row ${rows + 1} is not valid.`)
  rows += 1
}
if (path.endsWith('.parquet')) {
  const file = await asyncBufferFromFile(path)
  const metadata = await parquetMetadataAsync(file)
  let rowStart = 0
  for (const { num_rows: count } of metadata.row_groups) {
    const rowEnd = rowStart + Number(count)
    for (const value of await parquetReadObjects({ file, metadata, compressors, rowStart, rowEnd })) check(value)
    rowStart = rowEnd
  }
} else for await (const line of createInterface({ input: createReadStream(path) })) check(JSON.parse(line))
console.log(JSON.stringify({ rows, seconds: performance.now() / 1000, peakKb: peakMemoryKb() }))
