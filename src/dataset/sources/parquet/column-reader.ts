import type { DataPageHeader, PageHeader, ParquetParsers, SchemaTree } from 'hyparquet'
import type { readDataPage } from 'hyparquet/src/datapage.js'
import { messageOf } from '../../../core/index.js'
import type { Limits } from '../limits.js'
import { checkDelta, checkRuns } from './check-page.js'
import { endOfStruct } from './check-thrift.js'
import { damaged, Unreadable } from './damaged.js'
import type { ColumnChunk, ReadPart } from './open-parquet.js'
import { unpackPage } from './unpack-page.js'

/** The parts of hyparquet that decode one page. */
export type PageCode = Awaited<ReturnType<typeof loadPageCode>>

export async function loadPageCode() {
  const [
    { parquetHeader },
    { convertWithDictionary },
    pages,
    { assembleLists, assembleNested },
    plain,
    delta,
    encoding,
  ] = await Promise.all([
    import('hyparquet/src/column.js'),
    import('hyparquet/src/convert.js'),
    import('hyparquet/src/datapage.js'),
    import('hyparquet/src/assemble.js'),
    import('hyparquet/src/plain.js'),
    import('hyparquet/src/delta.js'),
    import('hyparquet/src/encoding.js'),
  ])
  const { readDataPage, readDataPageV2 } = pages
  const { readPlain } = plain
  const { deltaBinaryUnpack } = delta
  const { readRleBitPackedHybrid } = encoding
  return {
    ...{ parquetHeader, convertWithDictionary, readDataPage, readDataPageV2, assembleLists, assembleNested },
    ...{ readPlain, deltaBinaryUnpack, readRleBitPackedHybrid },
  }
}

// hyparquet does not export these types.
type ColumnDecoder = Parameters<typeof readDataPage>[2]
type DataPageHeaderV2 = NonNullable<PageHeader['data_page_header_v2']>
type Values = ArrayLike<unknown>
type DecodedArray = ReturnType<PageCode['convertWithDictionary']>
type Levels = readonly number[]

/** Maximum number of values in a page. Writers use 20,000 to 1,000,000. */
const maximumPageValues = 2 ** 24
const maximumHeaderBytes = 1024 * 1024

/** Reads a column chunk page by page, and returns its values by row. */
export class ColumnReader {
  readonly #chunk: ColumnChunk
  readonly #read: ReadPart
  readonly #limits: Limits
  readonly #code: PageCode
  readonly #decoder: ColumnDecoder
  readonly #windowBytes: number
  readonly #maximumDefinition: number
  readonly #maximumRepetition: number
  #window: Uint8Array = new Uint8Array()
  #windowStart = 0
  #at: number
  #left: number
  #dictionary: Values | undefined
  /** Values by row. With repetition, the last row may be continued by the next page. */
  #rows: Values = []
  #taken = 0

  constructor(
    chunk: ColumnChunk,
    {
      read,
      limits,
      code,
      parsers,
      windowBytes,
    }: Readonly<{ read: ReadPart; limits: Limits; code: PageCode; parsers: ParquetParsers; windowBytes: number }>,
  ) {
    this.#chunk = chunk
    this.#read = read
    this.#limits = limits
    this.#code = code
    this.#windowBytes = windowBytes
    this.#at = chunk.start
    this.#left = chunk.values
    const path = chunk.path as SchemaTree[]
    const { element } = path.at(-1)!
    this.#maximumDefinition = path.slice(1).filter((node) => node.element.repetition_type !== 'REQUIRED').length
    this.#maximumRepetition = path.filter((node) => node.element.repetition_type === 'REPEATED').length
    this.#decoder = {
      ...{ pathInSchema: chunk.meta.path_in_schema, type: element.type!, element, schemaPath: path },
      ...{ codec: 'UNCOMPRESSED', parsers, utf8: false },
    }
  }

  /** The values of the next rows. */
  async take(count: number): Promise<readonly unknown[]> {
    try {
      const taken: unknown[] = []
      while (taken.length < count) {
        const whole = this.#rows.length - (this.#maximumRepetition > 0 && this.#left > 0 ? 1 : 0)
        if (this.#taken >= whole) {
          if (this.#left === 0) throw damaged('it has too few rows')
          await this.#nextPage()
          continue
        }
        const end = Math.min(whole, this.#taken + count - taken.length)
        for (; this.#taken < end; this.#taken += 1) taken.push(this.#rows[this.#taken])
      }
      return taken
    } catch (error) {
      const name = this.#chunk.path.at(-1)!.path.join('.')
      const fact = error instanceof Unreadable ? error.message : damaged(messageOf(error)).message
      throw new Unreadable(`column ${JSON.stringify(name)}: ${fact}`)
    }
  }

  async #nextPage(): Promise<void> {
    const header = await this.#header()
    const bytes = await this.#bytes(header.compressed_page_size)
    this.#at += header.compressed_page_size
    if (header.type === 'DICTIONARY_PAGE') await this.#readDictionary(header, bytes)
    else if (header.type === 'DATA_PAGE' || header.type === 'DATA_PAGE_V2') await this.#readData(header, bytes)
  }

  async #header(): Promise<PageHeader> {
    for (let size = 512; ; size *= 4) {
      const bytes = await this.#bytes(Math.min(size, this.#chunk.end - this.#at))
      const end = endOfStruct(bytes)
      if (end === undefined) {
        if (bytes.length < size || size > maximumHeaderBytes) throw damaged('a page header is cut off')
        continue
      }
      const copy = Uint8Array.from(bytes.subarray(0, end))
      const header = this.#code.parquetHeader({ view: new DataView(copy.buffer), offset: 0 })
      this.#at += end
      const { compressed_page_size: packed, uncompressed_page_size: size_ } = header
      const { maximumSampleBytes } = this.#limits
      for (const value of [packed, size_])
        if (!(Number.isInteger(value) && value >= 0)) throw damaged(`a page has the size ${value}`)
      if (packed > this.#chunk.end - this.#at) throw damaged('a page is outside its column')
      if (Math.max(packed, size_) > maximumSampleBytes)
        throw new Unreadable(
          `a page has ${Math.max(packed, size_)} bytes, but the maximum is ${maximumSampleBytes}; write smaller pages`,
        )
      return header
    }
  }

  /** Bytes from the current position. Reads ahead. */
  async #bytes(length: number): Promise<Uint8Array> {
    const from = this.#at - this.#windowStart
    if (from < 0 || from + length > this.#window.length) {
      const size = Math.max(length, Math.min(this.#windowBytes, this.#chunk.end - this.#at))
      this.#window = await this.#read(this.#at, size)
      this.#windowStart = this.#at
      if (this.#window.length < length) throw damaged('the file ends too early')
      return this.#window.subarray(0, length)
    }
    return this.#window.subarray(from, from + length)
  }

  async #readDictionary(header: PageHeader, bytes: Uint8Array): Promise<void> {
    const count = this.#countOf(header.dictionary_page_header?.num_values, maximumPageValues)
    const page = await unpackPage(bytes, header.uncompressed_page_size, this.#chunk.meta.codec)
    const view = new DataView(page.buffer)
    const { type, element } = this.#decoder
    this.#checkSize(count, page.length)
    const data = this.#code.readPlain({ view, offset: 0 }, type, count, element.type_length)
    this.#dictionary = this.#code.convertWithDictionary(data, undefined, 'PLAIN', this.#decoder)
  }

  async #readData(header: PageHeader, bytes: Uint8Array): Promise<void> {
    const v2 = header.data_page_header_v2
    const page = header.type === 'DATA_PAGE' ? header.data_page_header : v2
    if (page === undefined) throw damaged('a page header is incomplete')
    const count = this.#countOf(page.num_values, Math.min(this.#left, maximumPageValues))
    const { codec } = this.#chunk.meta
    let read: { readonly definitionLevels?: Levels; readonly repetitionLevels: Levels; readonly dataPage: Values }
    if (header.type === 'DATA_PAGE') {
      const unpacked = await unpackPage(bytes, header.uncompressed_page_size, codec)
      this.#checkData(unpacked, page, count)
      read = this.#code.readDataPage(unpacked, page as DataPageHeader, this.#decoder) as typeof read
    } else {
      const unpacked = await this.#unpackV2(header, bytes, codec)
      this.#checkDataV2(unpacked, v2!)
      const plain = { ...header, data_page_header_v2: { ...v2!, is_compressed: false } }
      read = this.#code.readDataPageV2(unpacked, plain, this.#decoder) as typeof read
    }
    if (count === 0) return
    const { definitionLevels, repetitionLevels, dataPage } = read
    this.#checkLevels(definitionLevels, repetitionLevels, dataPage.length, count)
    const { encoding } = page
    if (encoding.endsWith('_DICTIONARY') && this.#dictionary === undefined)
      throw damaged('a page needs a dictionary, but none precedes it')
    const values = this.#code.convertWithDictionary(
      dataPage as never,
      this.#dictionary as never,
      encoding,
      this.#decoder,
    )
    this.#rows =
      this.#isFlat && values.length === count ? values : this.#assembled(values, definitionLevels, repetitionLevels)
    this.#taken = 0
    this.#left -= count
  }

  /**
   * Whether a page without nulls has a value for each row. Numbers then stay in a typed array until a row takes them. As objects, they
   * would outlive the young generation, and the heap would grow by the size of the file.
   */
  get #isFlat(): boolean {
    return this.#maximumRepetition === 0 && this.#chunk.path.length === 2
  }

  #assembled(values: DecodedArray, definitions: Levels | undefined, repetitions: Levels): Values {
    const isContinued = this.#maximumRepetition > 0
    const output = (isContinued ? Array.prototype.slice.call(this.#rows, this.#taken) : []) as unknown[]
    const path = this.#chunk.path as SchemaTree[]
    return this.#code.assembleLists(output, definitions as number[], repetitions as number[], values, path)
  }

  async #unpackV2(header: PageHeader, bytes: Uint8Array, codec: string): Promise<Uint8Array> {
    const {
      definition_levels_byte_length: definitions,
      repetition_levels_byte_length: repetitions,
      ...rest
    } = header.data_page_header_v2!
    const levels = definitions + repetitions
    const size = header.uncompressed_page_size - levels
    if (!(definitions >= 0 && repetitions >= 0 && size >= 0 && levels <= bytes.length))
      throw damaged('the levels of a page do not fit into it')
    const packed = bytes.subarray(levels)
    if (rest.is_compressed === false || size === 0) {
      if (packed.length < size) throw damaged('a page is cut off')
      return Uint8Array.from(bytes.subarray(0, levels + size))
    }
    const values = await unpackPage(packed, size, codec)
    const whole = new Uint8Array(levels + size)
    whole.set(bytes.subarray(0, levels))
    whole.set(values, levels)
    return whole
  }

  #checkData(bytes: Uint8Array, { encoding }: Pick<DataPageHeader, 'encoding'>, count: number): void {
    const view = new DataView(bytes.buffer)
    let at = 0
    let present = count
    for (const [kind, maximum] of [
      ['repetition', this.#maximumRepetition],
      ['definition', this.#maximumDefinition],
    ] as const) {
      if (maximum === 0) continue
      if (at + 4 > bytes.length) throw damaged('the levels of a page are cut off')
      const end = at + 4 + view.getUint32(at, true)
      const width = widthOf(maximum)
      checkRuns(view, at + 4, end, width, count)
      if (kind === 'definition') {
        const levels = new Uint8Array(count)
        this.#code.readRleBitPackedHybrid({ view, offset: at + 4 }, width, levels, end - at - 4)
        present = levels.reduce((sum, level) => sum + (level === maximum ? 1 : 0), 0)
      }
      at = end
    }
    this.#checkValues(view, at, encoding, present, 1)
  }

  #checkDataV2(bytes: Uint8Array, header: DataPageHeaderV2): void {
    const { repetition_levels_byte_length: repetitions, definition_levels_byte_length: definitions } = header
    const view = new DataView(bytes.buffer)
    const { num_values: count, num_nulls: nulls } = header
    if (!(nulls >= 0 && nulls <= count)) throw damaged(`a page has ${nulls} nulls in ${count} values`)
    if (this.#maximumRepetition > 0) checkRuns(view, 0, repetitions, widthOf(this.#maximumRepetition), count)
    if (this.#maximumDefinition > 0)
      checkRuns(view, repetitions, repetitions + definitions, widthOf(this.#maximumDefinition), count)
    this.#checkValues(view, repetitions + definitions, header.encoding, count - nulls, 2)
  }

  /** @param count number of values without nulls. @param version of the page. */
  #checkValues(view: DataView, start: number, encoding: string, count: number, version: 1 | 2): void {
    const { type } = this.#decoder
    if (count === 0) return
    if (encoding === 'PLAIN' || encoding === 'BYTE_STREAM_SPLIT') this.#checkSize(count, view.byteLength - start)
    else if (encoding === 'RLE') {
      if (type !== 'BOOLEAN' || start + 4 > view.byteLength) throw damaged(`a page of ${type} has the encoding RLE`)
      checkRuns(view, start + 4, start + 4 + view.getUint32(start, true), 1, count)
    } else if (encoding === 'PLAIN_DICTIONARY' || encoding === 'RLE_DICTIONARY') {
      if (start >= view.byteLength) throw damaged('a page is cut off')
      const width = view.getUint8(start)
      // hyparquet does not read the runs of width 0 in version 1.
      if (width > 0 || version === 2) checkRuns(view, start + 1, view.byteLength, width, count)
    } else if (encoding === 'DELTA_BINARY_PACKED' || encoding === 'DELTA_LENGTH_BYTE_ARRAY')
      checkDelta(view, start, count)
    else if (encoding === 'DELTA_BYTE_ARRAY') this.#checkPrefixes(view, start, count)
    else throw new Unreadable(`it has the encoding ${encoding}, which is not supported`)
  }

  // A prefix may be as long as the value before it, so that a small page can ask for quadratic memory.
  #checkPrefixes(view: DataView, start: number, count: number): void {
    const middle = checkDelta(view, start, count)
    checkDelta(view, middle, count)
    const [prefixes, suffixes] = [new Int32Array(count), new Int32Array(count)]
    this.#code.deltaBinaryUnpack({ view, offset: start }, count, prefixes)
    this.#code.deltaBinaryUnpack({ view, offset: middle }, count, suffixes)
    let previous = 0
    let total = 0
    for (let index = 0; index < count; index += 1) {
      const [prefix, suffix] = [prefixes[index]!, suffixes[index]!]
      if (prefix < 0 || suffix < 0 || prefix > previous) throw damaged('a text has a wrong prefix')
      previous = prefix + suffix
      total += previous
    }
    const { maximumSampleBytes } = this.#limits
    if (total > maximumSampleBytes)
      throw new Unreadable(`a page unpacks to more than ${maximumSampleBytes} bytes; write smaller pages`)
  }

  #checkLevels(definitions: Levels | undefined, repetitions: Levels, values: number, count: number): void {
    let present = count
    if (definitions !== undefined && definitions.length > 0) {
      present = 0
      for (const level of definitions) {
        if (level > this.#maximumDefinition) throw damaged('a page has a wrong definition level')
        if (level === this.#maximumDefinition) present += 1
      }
    }
    for (const level of repetitions)
      if (level > this.#maximumRepetition) throw damaged('a page has a wrong repetition level')
    if (values !== present) throw damaged(`a page has ${values} values where ${present} are expected`)
  }

  /** Checks that values of a fixed size fit into a page. */
  #checkSize(count: number, bytes: number): void {
    const { type, element } = this.#decoder
    const length = type === 'FIXED_LEN_BYTE_ARRAY' ? (element.type_length ?? 0) : 1
    if (type === 'FIXED_LEN_BYTE_ARRAY' && length < 1) throw damaged(`its values have the length ${length}`)
    const size = { BOOLEAN: 1 / 8, INT32: 4, FLOAT: 4, BYTE_ARRAY: 4, INT64: 8, DOUBLE: 8, INT96: 12 }[type as string]
    if (Math.ceil(count * (size ?? length)) > bytes) throw damaged('a page is too short for its values')
  }

  #countOf(count: number | undefined, maximum: number): number {
    if (count === undefined || !(Number.isInteger(count) && count >= 0 && count <= maximum))
      throw damaged(`a page declares ${count} values, but at most ${maximum} are possible`)
    return count
  }
}

const widthOf = (maximum: number) => 32 - Math.clz32(maximum)
