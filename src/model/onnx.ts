import { type PlainFile, readAt } from '../store/index.js'

/** Fields of ModelProto (onnx/onnx.proto) that every model has. */
const irVersion = 1
const graph = 7
const operatorSets = 8

interface Field {
  readonly number: number
  readonly wireType: number
  /** Start of the content; for a number, the byte after it. */
  readonly begin: number
  readonly end: number
}

/**
 * Explains why a file is not a complete ONNX model; `undefined` if it is one. Reads the structure of the model and of
 * its graph (Protocol Buffers, https://protobuf.dev/programming-guides/encoding), not the operators.
 */
export async function onnxProblem(file: PlainFile): Promise<string | undefined> {
  const model = await fieldsIn(file, 0, file.sizeBytes)
  if (typeof model === 'string') return `is not a complete ONNX model: ${model}`
  const lacks = [irVersion, graph, operatorSets].find((wanted) => !model.some(({ number }) => number === wanted))
  if (lacks !== undefined) return `is not an ONNX model: it has no field ${lacks} (ir_version, graph or opset_import)`
  for (const { number, wireType, begin, end } of model) {
    if (number !== graph) continue
    const fields = wireType === 2 ? await fieldsIn(file, begin, end) : 'it is not a message'
    if (typeof fields === 'string') return `is not a complete ONNX model: its graph is damaged (${fields})`
    // GraphProto: 1 is a node, 12 an output.
    if (!fields.some(({ number: one }) => one === 1 || one === 12)) return 'is an ONNX model whose graph is empty'
  }
  return undefined
}

/**
 * The fields of a message, without their content. @returns a description of the problem if the bytes are not a message.
 */
async function fieldsIn(file: PlainFile, begin: number, end: number): Promise<readonly Field[] | string> {
  const fields: Field[] = []
  for (let at = begin; at < end; ) {
    // A tag and a number or length have at most 20 bytes.
    const bytes = Buffer.alloc(Math.min(20, end - at))
    await readAt(file, at, bytes)
    const tag = varint(bytes, 0)
    if (tag === undefined) return `there is no tag at byte ${at}`
    const [number, wireType] = [Math.floor(tag.value / 8), tag.value % 8]
    const content = contentOf(bytes, tag.next, wireType)
    if (number === 0 || content === undefined) return `there is no field at byte ${at}`
    const next = at + content.start + content.sizeBytes
    if (next > end) return `the field at byte ${at} is truncated`
    fields.push({ number, wireType, begin: at + content.start, end: next })
    at = next
  }
  return fields
}

function contentOf(bytes: Buffer, at: number, wireType: number) {
  if (wireType === 1) return { start: at, sizeBytes: 8 }
  if (wireType === 5) return { start: at, sizeBytes: 4 }
  if (wireType !== 0 && wireType !== 2) return undefined
  const found = varint(bytes, at)
  return found && { start: found.next, sizeBytes: wireType === 2 ? found.value : 0 }
}

function varint(bytes: Buffer, start: number): { readonly value: number; readonly next: number } | undefined {
  let value = 0
  for (let at = start; at < bytes.length && at < start + 10; at += 1) {
    value += (bytes[at]! & 0x7f) * 2 ** (7 * (at - start))
    if (bytes[at]! < 0x80) return { value, next: at + 1 }
  }
  return undefined
}
