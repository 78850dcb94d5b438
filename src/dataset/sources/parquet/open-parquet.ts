import { read } from 'node:fs'
import { promisify } from 'node:util'
import type { ColumnMetaData, FileMetaData, SchemaElement, SchemaTree } from 'hyparquet'
import { messageOf } from '../../../core/index.js'
import { endOfStruct } from './check-thrift.js'
import { damaged, Unreadable } from './damaged.js'

/** Maximum size of a file's metadata: 100,000 column chunks take about 10 MB. */
const maximumMetadataBytes = 64 * 1024 * 1024
/** Maximum number of values in a page or a row group. Writers use at most a few million. */
export const maximumValues = 2 ** 26
const deepestSchema = 64

/** Reads a part of a file. */
export type ReadPart = (start: number, length: number) => Promise<Uint8Array>

export interface ParquetFile {
  readonly sizeBytes: number
  /** The tree without the annotations that hyparquet would convert by. `annotations` has them. */
  readonly schema: SchemaTree
  readonly annotations: ReadonlyMap<SchemaElement, SchemaElement>
  readonly groups: readonly RowGroup[]
}

export interface RowGroup {
  readonly rows: number
  readonly columns: readonly ColumnChunk[]
}

export interface ColumnChunk {
  readonly path: readonly SchemaTree[]
  readonly meta: ColumnMetaData
  readonly start: number
  readonly end: number
  readonly values: number
}

const readAt = promisify(read)

/** @param file the descriptor of an open file. */
export function partsOf(file: number): ReadPart {
  return async (start, length) => {
    const bytes = Buffer.allocUnsafeSlow(length)
    const { bytesRead } = await readAt(file, bytes, 0, length, start)
    return bytesRead === length ? bytes : bytes.subarray(0, bytesRead)
  }
}

/** Reads the metadata of a Parquet file. Throws `Unreadable`. */
export async function openParquet(read: ReadPart, sizeBytes: number): Promise<ParquetFile> {
  if (sizeBytes < 12) throw damaged(`it has only ${sizeBytes} bytes`)
  const end = Buffer.from(await read(sizeBytes - 8, 8))
  const mark = end.toString('latin1', 4)
  if (mark === 'PARE') throw new Unreadable('it is encrypted; decrypt it')
  if (mark !== 'PAR1') throw damaged('it does not end with "PAR1", so it is cut short')
  const length = end.readUInt32LE(0)
  if (length > sizeBytes - 12) throw damaged(`its metadata has ${length} bytes, which is more than the file`)
  if (length > maximumMetadataBytes)
    throw new Unreadable(`its metadata has ${length} bytes, but the maximum is ${maximumMetadataBytes}; split the file`)
  const footer = await read(sizeBytes - 8 - length, length + 8)
  if (endOfStruct(footer.subarray(0, length)) === undefined) throw damaged('its metadata is cut off')
  const { parquetMetadata, parquetSchema } = await import('hyparquet')
  try {
    const metadata = parquetMetadata(Uint8Array.from(footer), {
      geoparquet: false,
      // Statistics are not used, and may be wrong.
      parsers: { stringFromBytes: () => '' },
    })
    const annotations = new Map<SchemaElement, SchemaElement>()
    const plain = metadata.schema.map((element) => withoutAnnotations(element, annotations))
    const schema = parquetSchema({ schema: plain })
    if (schema.count !== plain.length) throw damaged('its schema has elements outside its tree')
    return { sizeBytes, schema, annotations, groups: groupsOf(metadata, leavesOf(schema), sizeBytes) }
  } catch (error) {
    throw error instanceof Unreadable ? error : damaged(`its metadata is not valid (${messageOf(error)})`)
  }
}

// Text stays annotated, so that each text of a dictionary is decoded once. INT96 has no annotation.
function withoutAnnotations(element: SchemaElement, annotations: Map<SchemaElement, SchemaElement>): SchemaElement {
  const { converted_type, logical_type, ...rest } = element
  const isText =
    element.type === 'BYTE_ARRAY' &&
    (converted_type === 'UTF8' ||
      converted_type === 'ENUM' ||
      logical_type?.type === 'STRING' ||
      logical_type?.type === 'ENUM')
  // A list that hyparquet recognizes loses the level between it and its elements.
  const isList = converted_type === 'LIST' || logical_type?.type === 'LIST'
  const plain: SchemaElement = {
    ...rest,
    ...(isText ? { converted_type: 'UTF8' as const } : isList ? { converted_type: 'LIST' as const } : {}),
  }
  annotations.set(plain, element)
  return plain
}

/** The paths from the root to each leaf. */
function leavesOf(root: SchemaTree): readonly (readonly SchemaTree[])[] {
  const leaves: (readonly SchemaTree[])[] = []
  const visit = (path: readonly SchemaTree[]) => {
    const tree = path.at(-1)!
    if (path.length > deepestSchema) throw new Unreadable(`its schema has more than ${deepestSchema} levels`)
    if (path.length > 1 && tree.element.repetition_type === undefined)
      throw damaged('a field has no repetition type in the schema')
    if (tree.element.type !== undefined && tree.children.length === 0) leaves.push(path)
    else if (tree.children.length === 0) throw damaged(`the field ${JSON.stringify(tree.element.name)} has no columns`)
    const names = new Set<string>()
    for (const child of tree.children) {
      const { name } = child.element
      if (names.has(name)) throw new Unreadable(`the column ${JSON.stringify(name)} appears twice`)
      names.add(name)
      visit([...path, child])
    }
  }
  if (root.children.length > 0) visit([root])
  return leaves
}

function groupsOf(
  { row_groups: groups, num_rows: total }: FileMetaData,
  leaves: readonly (readonly SchemaTree[])[],
  sizeBytes: number,
): readonly RowGroup[] {
  const counted = groups.map(({ columns, num_rows: count }): RowGroup => {
    const rows = countOf(count, 'rows in a row group')
    if (columns.length !== leaves.length)
      throw damaged(`a row group has ${columns.length} columns, but the schema has ${leaves.length}`)
    return { rows, columns: columns.map((column, index) => chunkOf(column, leaves[index]!, rows, sizeBytes)) }
  })
  const sum = counted.reduce((rows, group) => rows + group.rows, 0)
  if (total !== BigInt(sum)) throw damaged(`it declares ${total} rows, but its row groups have ${sum}`)
  return counted
}

function chunkOf(
  { meta_data: meta, file_path: file }: FileMetaData['row_groups'][number]['columns'][number],
  path: readonly SchemaTree[],
  rows: number,
  sizeBytes: number,
): ColumnChunk {
  const leaf = path.at(-1)!
  const name = JSON.stringify(leaf.path.join('.'))
  if (file) throw new Unreadable(`the column ${name} is in another file`)
  if (meta === undefined) throw new Unreadable(`the column ${name} has no metadata, so it is encrypted or damaged`)
  if (meta.path_in_schema.join('\0') !== leaf.path.join('\0') || meta.type !== leaf.element.type)
    throw damaged(`the column ${name} does not match the schema`)
  const values = countOf(meta.num_values, `values in the column ${name}`)
  const isFlat = path.every(({ element }) => element.repetition_type !== 'REPEATED')
  if (isFlat ? values !== rows : values < rows)
    throw damaged(`the column ${name} has ${values} values for ${rows} rows`)
  // Some writers leave the offset of the dictionary out, or write 0.
  const { dictionary_page_offset: dictionary = 0n, data_page_offset: data } = meta
  const first = Number(dictionary > 0n && dictionary < data ? dictionary : data)
  const end = first + Number(meta.total_compressed_size)
  // A row group without rows has no pages, and pyarrow then writes the offset 0.
  if (values > 0 && !(first >= 4 && end >= first && end <= sizeBytes))
    throw damaged(`the column ${name} is outside the file (bytes ${first} to ${end} of ${sizeBytes})`)
  return { path, meta, start: first, end, values }
}

function countOf(count: bigint | undefined, what: string): number {
  if (typeof count !== 'bigint' || count < 0n || count > BigInt(maximumValues))
    throw damaged(`it declares ${count} ${what}, but the maximum is ${maximumValues}`)
  return Number(count)
}
