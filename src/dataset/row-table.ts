// A million rows as objects with digests as text take 700 MB. Here they take 100 bytes each, and the characters of their ids.
import { endianness } from 'node:os'
import { type Digest, type Json, merkleRootOf, packTextList, TextList } from '../core/index.js'
import type { FileDigests } from './files/named-files.js'
import { absent, type PackedTexts, packTexts, renumber, Texts } from './row-texts.js'

/** What is known about a row without its input. */
export interface ScannedRow {
  readonly id: string
  readonly digest: Digest
  /** The digest of the sample as it was read, or of the row if the sample cannot be represented as JSON. */
  readonly sampleDigest: Digest
  readonly path: string
  readonly position: string
  readonly group: string | undefined
  /** The target, if it is text short enough to be a label. */
  readonly label: string | undefined
  readonly slices: Readonly<Record<string, string>>
  /** Equal for equal inputs. */
  readonly inputKey: number
  /** Equal for equal targets; absent without a target. */
  readonly targetKey: number | undefined
  /** Digests of the files that the sample names. The digest of the row covers them. */
  readonly files?: FileDigests | undefined
}

const rowsPerChunk = 8192
const digestBytes = 32
/** Of the two digests of a row. */
const digestWords = (2 * digestBytes) / 4
/** Rows are sorted in parts of at least this many rows, and at most this many parts. */
const [fewestSorted, mostParts] = [65_536, 16]

interface Chunk {
  /** The digest of the row, then that of the sample. */
  readonly digests: Buffer
  /** The same bytes. */
  readonly words: Uint32Array
  /** The keys of input and target; NaN without a target. */
  readonly keys: Float64Array
  readonly numbers: Uint32Array
}

/** The columns of `numbers`. */
const columns = { path: 0, place: 1, number: 2, group: 3, label: 4, slices: 5 }
const columnCount = 6

/** Rows in the order in which they were added, in typed arrays. */
export class RowTable {
  readonly #chunks: Chunk[] = []
  readonly #ids: PackedTexts[] = []
  /** The ids of the last chunk. */
  #lastIds: string[] = []
  /** The ids of a table that is not added to. */
  #allIds: TextList | undefined
  #isSorted = true
  #size = 0
  // One per file, and no part of a longer text.
  readonly #paths = new Texts({ areParts: false })
  readonly #places = new Texts()
  readonly #groups = new Texts()
  readonly #labels = new Texts()
  readonly #sliceTexts = new Texts()
  readonly #slices: Readonly<Record<string, string>>[] = []
  /** Of rows whose samples name files, by number. */
  readonly #files = new Map<number, FileDigests>()
  /** By table, the numbers that its texts have here. */
  readonly #known = new WeakMap<RowTable, Renumbered>()

  get size(): number {
    return this.#size
  }

  /** @param withFiles whether to keep the digests of the files that the sample names. @default true */
  add(row: ScannedRow, withFiles = true): void {
    const at = this.#size % rowsPerChunk
    this.#addId(row.id)
    if (withFiles && row.files !== undefined) this.#files.set(this.#size - 1, row.files)
    const { digests, keys, numbers } = this.#chunks.at(-1)!
    writeDigest(digests, 2 * at, row.digest)
    writeDigest(digests, 2 * at + 1, row.sampleDigest)
    keys[2 * at] = row.inputKey
    keys[2 * at + 1] = row.targetKey ?? Number.NaN
    const [place, number] = placeOf(row.position)
    const start = columnCount * at
    numbers[start + columns.path] = this.#paths.add(row.path)
    numbers[start + columns.place] = this.#places.add(place)
    numbers[start + columns.number] = number
    numbers[start + columns.group] = this.#groups.add(row.group)
    numbers[start + columns.label] = this.#labels.add(row.label)
    numbers[start + columns.slices] = this.#addSlices(row.slices)
  }

  /** Adds rows of another table, from one number up to another, as the rows of a file. Makes no object per row. */
  copy(from: RowTable, start: number, end: number, path: string): void {
    const pathNumber = this.#paths.add(path)
    const known = this.#known.get(from) ?? { places: [], groups: [], labels: [], slices: [] }
    this.#known.set(from, known)
    for (let index = start; index < end; index += 1) {
      const at = this.#size % rowsPerChunk
      const fromAt = index % rowsPerChunk
      this.#addId(from.id(index))
      const to = this.#chunks[this.#chunks.length - 1]!
      const source = from.#chunk(index)
      for (let word = 0; word < digestWords; word += 1)
        to.words[digestWords * at + word] = source.words[digestWords * fromAt + word]!
      to.keys[2 * at] = source.keys[2 * fromAt]!
      to.keys[2 * at + 1] = source.keys[2 * fromAt + 1]!
      const numbers = to.numbers
      const write = columnCount * at
      const read = columnCount * fromAt
      const place = source.numbers[read + columns.place]!
      const group = source.numbers[read + columns.group]!
      const label = source.numbers[read + columns.label]!
      const slices = source.numbers[read + columns.slices]!
      numbers[write + columns.path] = pathNumber
      numbers[write + columns.number] = source.numbers[read + columns.number]!
      numbers[write + columns.place] = known.places[place] ?? renumber(known.places, place, this.#places, from.#places)
      numbers[write + columns.group] = known.groups[group] ?? renumber(known.groups, group, this.#groups, from.#groups)
      numbers[write + columns.label] = known.labels[label] ?? renumber(known.labels, label, this.#labels, from.#labels)
      known.slices[slices] ??= this.#addSlices(from.#slices[slices]!)
      numbers[write + columns.slices] = known.slices[slices]
      if (from.#files.size === 0) continue
      const files = from.#files.get(index)
      if (files !== undefined) this.#files.set(this.#size - 1, files)
    }
  }

  #addId(id: string): void {
    this.#isSorted &&= this.#size === 0 || this.id(this.#size - 1) <= id
    if (this.#size % rowsPerChunk === 0) this.#startChunk()
    this.#size += 1
    this.#lastIds.push(id)
  }

  #startChunk(): void {
    if (this.#size > 0) this.#ids.push(packTexts(this.#lastIds))
    this.#lastIds = []
    this.#chunks.push(newChunk())
  }

  #addSlices(slices: ScannedRow['slices']): number {
    const number = this.#sliceTexts.add(isEmpty(slices) ? '{}' : JSON.stringify(slices))
    this.#slices[number] ??= slices
    return number
  }

  row(index: number): TableRow {
    return new TableRow(this, index)
  }

  id(index: number): string {
    if (this.#allIds !== undefined) return this.#allIds.at(index)
    const at = index % rowsPerChunk
    const packed = this.#ids[Math.floor(index / rowsPerChunk)]
    if (packed === undefined) return this.#lastIds[at]!
    const { bytes, encoding, ends } = packed
    return bytes.toString(encoding, at === 0 ? 0 : ends[at - 1]!, ends[at]!)
  }

  digest(index: number, which: 0 | 1): Digest {
    const start = (2 * (index % rowsPerChunk) + which) * digestBytes
    return `sha256:${this.#chunk(index).digests.toString('hex', start, start + digestBytes)}`
  }

  /** Copies the digest of a row. */
  copyDigest(index: number, target: Buffer, at: number): void {
    const start = 2 * (index % rowsPerChunk) * digestBytes
    this.#chunk(index).digests.copy(target, at, start, start + digestBytes)
  }

  key(index: number, which: 0 | 1): number {
    return this.#chunk(index).keys[2 * (index % rowsPerChunk) + which]!
  }

  path(index: number): string {
    return this.#paths.at(this.#number(index, columns.path))!
  }

  position(index: number): string {
    const place = this.#places.at(this.#number(index, columns.place))!
    const number = this.#number(index, columns.number)
    return number === absent ? place : place.replace('\0', () => String(number))
  }

  group(index: number): string | undefined {
    return this.#groups.at(this.#number(index, columns.group))
  }

  label(index: number): string | undefined {
    return this.#labels.at(this.#number(index, columns.label))
  }

  slices(index: number): ScannedRow['slices'] {
    return this.#slices[this.#number(index, columns.slices)]!
  }

  /** Digests of the files that the sample of a row names. */
  files(index: number): FileDigests | undefined {
    return this.#files.get(index)
  }

  /** All rows without their paths. Numbers are text in Base64: a JSON parser reads long text far faster than many values. */
  toJson(): Json {
    const used = (index: number) => Math.min(rowsPerChunk, this.#size - index * rowsPerChunk)
    const numbersOf = (numbers: Float64Array | Uint32Array) =>
      Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength).toString('base64')
    return {
      byteOrder: endianness(),
      ids: packTextList(Array.from({ length: this.#size }, (_, index) => this.id(index))),
      digests: this.#chunks.map(({ digests }, index) => digests.toString('base64', 0, 2 * digestBytes * used(index))),
      keys: this.#chunks.map(({ keys }, index) => numbersOf(keys.subarray(0, 2 * used(index)))),
      numbers: this.#chunks.map(({ numbers }, index) => numbersOf(numbers.subarray(0, columnCount * used(index)))),
      places: this.#places.all,
      groups: this.#groups.all,
      labels: this.#labels.all,
      slices: this.#slices,
      files: [...this.#files] as unknown as Json,
    }
  }

  /**
   * Reads what `toJson` made. The rows have no paths, and no more rows can be added.
   *
   * @returns `undefined` if it was made on a machine with another byte order.
   */
  static fromJson(json: Json): RowTable | undefined {
    const { byteOrder, ids, digests, keys, numbers, places, groups, labels, slices, files } =
      json as unknown as TableJson
    if (byteOrder !== endianness()) return undefined
    const table = new RowTable()
    table.#allIds = new TextList(ids)
    table.#size = table.#allIds.length
    table.#isSorted = false
    while (table.#chunks.length * rowsPerChunk < table.#size) table.#chunks.push(newChunk())
    for (const [index, chunk] of table.#chunks.entries()) {
      chunk.digests.write(digests[index]!, 'base64')
      for (const [target, text] of [
        [chunk.keys, keys[index]!],
        [chunk.numbers, numbers[index]!],
      ] as const)
        Buffer.from(target.buffer).write(text, 'base64')
    }
    for (const text of places) table.#places.add(text)
    for (const text of groups) table.#groups.add(text)
    for (const text of labels) table.#labels.add(text)
    for (const value of slices) table.#addSlices(value)
    for (const [index, value] of files) table.#files.set(index, value)
    return table
  }

  /** All rows, sorted by id. Equal ids keep their order. */
  sorted(): RowList {
    const order = Uint32Array.from({ length: this.#size }, (_, index) => index)
    if (this.#isSorted) return new RowList(this, order)
    // All ids as text at once would be the peak of the memory.
    const parts: Uint32Array[] = []
    const length = Math.max(fewestSorted, Math.ceil(this.#size / mostParts))
    for (let start = 0; start < this.#size; start += length) {
      const part = order.subarray(start, start + length)
      const ids = Array.from(part, (index) => this.id(index))
      const idOf = (index: number) => ids[index - start]!
      parts.push(part.sort((one, other) => (idOf(one) < idOf(other) ? -1 : idOf(one) > idOf(other) ? 1 : one - other)))
    }
    return new RowList(this, parts.length === 1 ? order : this.#merged(parts))
  }

  #merged(parts: readonly Uint32Array[]): Uint32Array {
    const order = new Uint32Array(this.#size)
    const heads = parts.map((part) => ({ part, at: 0, id: this.id(part[0]!) }))
    for (let at = 0; at < order.length; at += 1) {
      let least = heads[0]!
      for (const head of heads) if (head.id < least.id) least = head
      order[at] = least.part[least.at]!
      least.at += 1
      if (least.at < least.part.length) least.id = this.id(least.part[least.at]!)
      else heads.splice(heads.indexOf(least), 1)
    }
    return order
  }

  #chunk(index: number): Chunk {
    return this.#chunks[Math.floor(index / rowsPerChunk)]!
  }

  #number(index: number, column: number): number {
    return this.#chunk(index).numbers[columnCount * (index % rowsPerChunk) + column]!
  }
}

/** The numbers of texts in another table, by their numbers there. */
interface Renumbered {
  readonly places: number[]
  readonly groups: number[]
  readonly labels: number[]
  readonly slices: number[]
}

interface TableJson {
  readonly byteOrder: string
  readonly ids: Json
  /** One text per chunk. */
  readonly digests: readonly string[]
  readonly keys: readonly string[]
  readonly numbers: readonly string[]
  readonly places: readonly string[]
  readonly groups: readonly string[]
  readonly labels: readonly string[]
  readonly slices: readonly Readonly<Record<string, string>>[]
  readonly files: readonly (readonly [index: number, files: FileDigests])[]
}

/** A row of a table. */
class TableRow implements ScannedRow {
  readonly #table: RowTable
  /** The number of the row in its table. */
  readonly index: number

  constructor(table: RowTable, index: number) {
    this.#table = table
    this.index = index
  }

  get id(): string {
    return this.#table.id(this.index)
  }
  get digest(): Digest {
    return this.#table.digest(this.index, 0)
  }
  get sampleDigest(): Digest {
    return this.#table.digest(this.index, 1)
  }
  get path(): string {
    return this.#table.path(this.index)
  }
  get position(): string {
    return this.#table.position(this.index)
  }
  get group(): string | undefined {
    return this.#table.group(this.index)
  }
  get label(): string | undefined {
    return this.#table.label(this.index)
  }
  get slices(): ScannedRow['slices'] {
    return this.#table.slices(this.index)
  }
  get inputKey(): number {
    return this.#table.key(this.index, 0)
  }
  get targetKey(): number | undefined {
    const key = this.#table.key(this.index, 1)
    return Number.isNaN(key) ? undefined : key
  }
}

export type { TableRow }

/** Some rows of a table, in order. */
export class RowList implements Iterable<TableRow> {
  readonly table: RowTable
  readonly indices: Uint32Array

  constructor(table: RowTable, indices: Uint32Array) {
    this.table = table
    this.indices = indices
  }

  get length(): number {
    return this.indices.length
  }

  at(index: number): TableRow {
    return this.table.row(this.indices[index]!)
  }

  /** The place of a row in a list that is sorted by id. */
  placeOf(id: string): number | undefined {
    let [low, high] = [0, this.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.table.id(this.indices[middle]!) < id) low = middle + 1
      else high = middle
    }
    return low < this.length && this.at(low).id === id ? low : undefined
  }

  /** The Merkle root over the rows. */
  digest(): Digest {
    const { table, indices } = this
    return merkleRootOf(indices.length, (index, target, at) => table.copyDigest(indices[index]!, target, at))
  }

  *[Symbol.iterator](): Iterator<TableRow> {
    for (const index of this.indices) yield this.table.row(index)
  }

  map<V>(convert: (row: TableRow) => V): V[] {
    return Array.from(this.indices, (index) => convert(this.table.row(index)))
  }

  some(isIt: (row: TableRow) => boolean): boolean {
    return this.indices.some((index) => isIt(this.table.row(index)))
  }

  filter(keeps: (row: TableRow) => boolean): RowList {
    return new RowList(
      this.table,
      this.indices.filter((index) => keeps(this.table.row(index))),
    )
  }

  slice(start: number, end?: number): RowList {
    return new RowList(this.table, this.indices.subarray(start, end))
  }
}

function isEmpty(slices: ScannedRow['slices']): boolean {
  for (const _ in slices) return false
  return true
}

function newChunk(): Chunk {
  const digests = Buffer.allocUnsafeSlow(2 * digestBytes * rowsPerChunk)
  return {
    digests,
    words: new Uint32Array(digests.buffer),
    keys: new Float64Array(2 * rowsPerChunk),
    numbers: new Uint32Array(columnCount * rowsPerChunk),
  }
}

function writeDigest(digests: Buffer, slot: number, digest: Digest): void {
  digests.write(digest.slice('sha256:'.length), slot * digestBytes, 'hex')
}

/** A position without its last number, and that number: `row group 1, row 5` is `row group 1, row \0` and 5. */
function placeOf(position: string): readonly [place: string, number: number] {
  let end = position.length
  while (end > 0 && !isDigit(position, end - 1)) end -= 1
  let start = end
  while (start > 0 && isDigit(position, start - 1)) start -= 1
  const count = end - start
  const hasZeros = count > 1 && position.charCodeAt(start) === 0x30
  if (count === 0 || count > 9 || hasZeros || position.includes('\0')) return [position, absent]
  return [`${position.slice(0, start)}\0${position.slice(end)}`, Number(position.slice(start, end))]
}

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  return code >= 0x30 && code <= 0x39
}
