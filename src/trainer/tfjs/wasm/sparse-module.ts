// A WebAssembly module of two functions, in bytes: products of a sparse vector and rows of a table, four numbers at a time.
// Opcodes: https://webassembly.github.io/spec/core/binary/instructions.html

const [i32, f32, v128] = [0x7f, 0x7d, 0x7b]

// Parameters, then what is local. Pointers and sizes are in bytes, `count` is a number of values.
const [vector, table, rows, values, count, stride, factor] = [0, 1, 2, 3, 4, 5, 6]
const [row, at, end, times] = [7, 8, 9, 10]
const parameters = [...Array<number>(6).fill(i32), f32]
const locals = [2, 3, i32, 1, v128]

const get = (local: number) => [0x20, local]
const set = (local: number) => [0x21, local]
const constant = (value: number) => [0x41, value]
const add = 0x6a
const addressOf = (pointer: number) => [...get(pointer), ...get(at), add]
const load = (pointer: number) => [...addressOf(pointer), 0xfd, 0x00, 2, 0]
/** While `local` is below `limit`: block, loop: if local ≥ limit leave; …; again. */
const loop = (local: number, limit: number, body: readonly number[]) => [
  ...[0x02, 0x40, 0x03, 0x40, ...get(local), ...get(limit), 0x4f, 0x0d, 1],
  ...[...body, 0x0c, 0, 0x0b, 0x0b],
]
const advance = (local: number, bytes: number) => [...get(local), ...constant(bytes), add, ...set(local)]

/** For each value: target ← target + (value × factor) × source, each rounded as an operation of its own. */
function product(target: number, source: number): readonly number[] {
  const inner = [
    ...[...addressOf(target), ...load(target), ...load(source), ...get(times), 0xfd, 0xe6, 1, 0xfd, 0xe4, 1],
    ...[0xfd, 0x0b, 2, 0, ...advance(at, 16)],
  ]
  const each = [
    // row = table + rows[…] × stride; times = values[…] × factor, four times.
    ...[...get(table), ...get(rows), 0x28, 2, 0, ...get(stride), 0x6c, add, ...set(row)],
    ...[...get(values), 0x2a, 2, 0, ...get(factor), 0x94, 0xfd, 0x13, ...set(times)],
    ...[...constant(0), ...set(at), ...loop(at, stride, inner), ...advance(rows, 4), ...advance(values, 4)],
  ]
  const code = [...get(values), ...get(count), ...constant(2), 0x74, add, ...set(end), ...loop(values, end, each)]
  return [...locals, ...code, 0x0b]
}

type Product = (
  ...parameters: [
    ...[vector: number, table: number, rows: number, values: number, count: number],
    ...[stride: number, factor: number],
  ]
) => void

export interface SparseProducts {
  readonly memory: { readonly buffer: ArrayBuffer }
  /** Adds the rows of the table, each times its value and the factor, to the vector. */
  readonly gather: Product
  /** Adds the vector, times each value and the factor, to the rows of the table. */
  readonly scatter: Product
}

const pageBytes = 2 ** 16

/** @param bytes the size of the memory, which is all zeros. */
export function sparseProducts(bytes: number): SparseProducts {
  const { Instance, Memory, Module } = (globalThis as unknown as { readonly WebAssembly: WebAssemblyOfNode })
    .WebAssembly
  const memory = new Memory({ initial: Math.ceil(bytes / pageBytes) })
  const name = (text: string) => [text.length, ...new TextEncoder().encode(text)]
  const section = (id: number, content: readonly number[]) => [id, ...size(content.length), ...content]
  const bodies = [product(vector, row), product(row, vector)].flatMap((body) => [...size(body.length), ...body])
  const module = Uint8Array.of(
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, parameters.length, ...parameters, 0]),
    ...section(2, [1, ...name('own'), ...name('memory'), 2, 0, 0]),
    ...section(3, [2, 0, 0]),
    ...section(7, [2, ...name('gather'), 0, 0, ...name('scatter'), 0, 1]),
    ...section(10, [2, ...bodies]),
  )
  return { memory, ...new Instance(new Module(module), { own: { memory } }).exports }
}

/** Its types are not among Node's. */
interface WebAssemblyOfNode {
  readonly Memory: new (limits: { readonly initial: number }) => SparseProducts['memory']
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (
    module: object,
    imports: object,
  ) => { readonly exports: Pick<SparseProducts, 'gather' | 'scatter'> }
}

/** LEB128 of a number below 2¹⁴. */
const size = (length: number) => [(length & 0x7f) | 0x80, length >> 7]
