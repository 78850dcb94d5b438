// A WebAssembly module of one function, in bytes: AdamW on the memory of tfjs's module, four numbers at a time, then one.
// Opcodes: https://webassembly.github.io/spec/core/binary/instructions.html

const [i32, f32, v128] = [0x7f, 0x7d, 0x7b]

/** Instructions on one number, or on four. */
interface Lanes {
  readonly bytes: number
  readonly load: readonly number[]
  readonly store: readonly number[]
  /** As many copies of one number. */
  readonly splat: readonly number[]
  readonly sqrt: readonly number[]
  readonly add: readonly number[]
  readonly sub: readonly number[]
  readonly mul: readonly number[]
  readonly div: readonly number[]
}

const one: Lanes = {
  ...{ bytes: 4, load: [0x2a, 2, 0], store: [0x38, 2, 0], splat: [] },
  ...{ sqrt: [0x91], add: [0x92], sub: [0x93], mul: [0x94], div: [0x95] },
}
const four: Lanes = {
  ...{ bytes: 16, load: [0xfd, 0x00, 2, 0], store: [0xfd, 0x0b, 2, 0], splat: [0xfd, 0x13] },
  ...{ sqrt: [0xfd, 0xe3, 1], add: [0xfd, 0xe4, 1], sub: [0xfd, 0xe5, 1], mul: [0xfd, 0xe6, 1], div: [0xfd, 0xe7, 1] },
}

// Parameters, then what is local.
const [weight, first, second, gradient, output, wholeBytes, bytes] = [0, 1, 2, 3, 4, 5, 6]
const [beta1, beta2, rate, epsilon, kept] = [7, 8, 9, 10, 11]
const at = 12
const parameters = [...Array<number>(7).fill(i32), ...Array<number>(5).fill(f32)]
const locals = [3, 1, i32, 3, v128, 3, f32]

const get = (local: number) => [0x20, local]
const set = (local: number) => [0x21, local]

/** Until `at` is `end`: m ← β₁m + g; v ← β₂v + g²; w ← kept · w − rate · m / (√v + ε). Each rounded as an operation of its own. */
function loop({ bytes: width, load, store, splat, sqrt, add, sub, mul, div }: Lanes, end: number, free: number) {
  const address = (pointer: number) => [...get(pointer), ...get(at), 0x6a]
  const read = (pointer: number) => [...address(pointer), ...load]
  const times = (factor: number) => [...get(factor), ...splat, ...mul]
  const [g, m, v] = [free, free + 1, free + 2]
  const body = [
    ...[...read(gradient), ...set(g)],
    ...[...read(first), ...times(beta1), ...get(g), ...add, ...set(m)],
    ...[...read(second), ...times(beta2), ...get(g), ...get(g), ...mul, ...add, ...set(v)],
    ...[...address(first), ...get(m), ...store],
    ...[...address(second), ...get(v), ...store],
    ...[...address(output), ...read(weight), ...times(kept), ...get(m), ...times(rate)],
    ...[...get(v), ...sqrt, ...get(epsilon), ...splat, ...add, ...div, ...sub, ...store],
    ...[...get(at), 0x41, width, 0x6a, ...set(at)],
  ]
  // block, loop: if at ≥ end leave; …; again. end, end.
  return [0x02, 0x40, 0x03, 0x40, ...get(at), ...get(end), 0x4f, 0x0d, 1, ...body, 0x0c, 0, 0x0b, 0x0b]
}

export type AdamWFunction = (
  ...values: [
    ...[weight: number, first: number, second: number, gradient: number, output: number],
    ...[wholeBytes: number, bytes: number],
    ...[beta1: number, beta2: number, rate: number, epsilon: number, kept: number],
  ]
) => void

export function adamWFunction(memory: object): AdamWFunction {
  const code = [...locals, ...loop(four, wholeBytes, 13), ...loop(one, bytes, 16), 0x0b]
  const name = (text: string) => [text.length, ...new TextEncoder().encode(text)]
  const section = (id: number, content: readonly number[]) => [id, ...size(content.length), ...content]
  const module = Uint8Array.of(
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, parameters.length, ...parameters, 0]),
    ...section(2, [1, ...name('tfjs'), ...name('memory'), 2, 0, 0]),
    ...section(3, [1, 0]),
    ...section(7, [1, ...name('adamw'), 0, 0]),
    ...section(10, [1, ...size(code.length), ...code]),
  )
  const { Instance, Module } = (globalThis as unknown as { readonly WebAssembly: WebAssemblyOfNode }).WebAssembly
  return new Instance(new Module(module), { tfjs: { memory } }).exports.adamw
}

/** Its types are not among Node's. */
interface WebAssemblyOfNode {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object, imports: object) => { readonly exports: { readonly adamw: AdamWFunction } }
}

/** LEB128 of a number below 2¹⁴. */
const size = (length: number) => [(length & 0x7f) | 0x80, length >> 7]
