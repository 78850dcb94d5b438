// Writes ONNX models (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto) as Protocol Buffers
// (https://protobuf.dev/programming-guides/encoding). The same model always gives the same bytes.

export interface OnnxModel {
  readonly name: string
  readonly description: string
  readonly nodes: readonly OnnxNode[]
  readonly inputs: readonly OnnxValue[]
  readonly outputs: readonly OnnxValue[]
  readonly constants: readonly OnnxConstant[]
  readonly metadata: Readonly<Record<string, string>>
}

export interface OnnxNode {
  readonly operator: string
  readonly inputs: readonly string[]
  readonly output: string
  /** Whole numbers. */
  readonly attributes?: Readonly<Record<string, number>> | undefined
}

export interface OnnxValue {
  readonly name: string
  readonly type: OnnxType
  /** A number, or the name of a length that each call decides. */
  readonly shape: readonly (number | string)[]
}

export interface OnnxConstant {
  readonly name: string
  readonly shape: readonly number[]
  readonly values: Float32Array | BigInt64Array | readonly string[]
}

/** `TensorProto.DataType`. */
const types = { float: 1, int64: 7, string: 8 } as const
export type OnnxType = keyof typeof types

/** IR 8 and operator set 13 (2020): read by onnxruntime from 1.11 on. */
const [irVersion, operatorSet] = [8, 13]

export function writeOnnx({ name, description, nodes, inputs, outputs, constants, metadata }: OnnxModel): Buffer {
  const graph = [
    ...nodes.map((node) => bytes(1, nodeOf(node))),
    text(2, name),
    ...constants.map((constant) => bytes(5, tensorOf(constant))),
    text(10, description),
    ...inputs.map((value) => bytes(11, tensorValue(value))),
    ...outputs.map((value) => bytes(12, tensorValue(value))),
  ]
  return Buffer.concat([
    number(1, irVersion),
    text(2, 'sheikh-freemium'),
    bytes(7, Buffer.concat(graph)),
    bytes(8, number(2, operatorSet)),
    ...Object.entries(metadata).map(([key, value]) => bytes(14, Buffer.concat([text(1, key), text(2, value)]))),
  ])
}

function nodeOf({ operator, inputs, output, attributes = {} }: OnnxNode): Buffer {
  return Buffer.concat([
    ...inputs.map((input) => text(1, input)),
    text(2, output),
    text(3, output),
    text(4, operator),
    // AttributeProto; type 2 is a whole number.
    ...Object.entries(attributes).map(([key, value]) =>
      bytes(5, Buffer.concat([text(1, key), number(3, value), number(20, 2)])),
    ),
  ])
}

function tensorOf({ name, shape, values }: OnnxConstant): Buffer {
  const dimensions = shape.map((length) => number(1, length))
  if (values instanceof Float32Array || values instanceof BigInt64Array) {
    const type = values instanceof Float32Array ? types.float : types.int64
    const raw = Buffer.from(values.buffer, values.byteOffset, values.byteLength)
    return Buffer.concat([...dimensions, number(2, type), text(8, name), bytes(9, raw)])
  }
  return Buffer.concat([
    ...dimensions,
    number(2, types.string),
    ...values.map((value) => text(6, value)),
    text(8, name),
  ])
}

/** ValueInfoProto with the TypeProto of a tensor. */
function tensorValue({ name, type, shape }: OnnxValue): Buffer {
  const dimensions = shape.map((length) => bytes(1, typeof length === 'number' ? number(1, length) : text(2, length)))
  const tensor = Buffer.concat([number(1, types[type]), bytes(2, Buffer.concat(dimensions))])
  return Buffer.concat([text(1, name), bytes(2, bytes(1, tensor))])
}

const number = (field: number, value: number) => Buffer.from([...varint(field * 8), ...varint(value)])
const text = (field: number, value: string) => bytes(field, Buffer.from(value))
const bytes = (field: number, content: Buffer) =>
  Buffer.concat([Buffer.from([...varint(field * 8 + 2), ...varint(content.length)]), content])

function varint(value: number): number[] {
  const found: number[] = []
  let rest = value
  for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) found.push((rest % 0x80) + 0x80)
  return [...found, rest]
}
