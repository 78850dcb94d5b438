// TensorBoard's event files: records of TensorFlow's TFRecord format, each an `Event` in protocol buffers
// (tensorflow/core/lib/io/record_writer.h, tensorflow/core/util/event.proto, tensorflow/core/framework/summary.proto).

/** A number at a step. */
export interface Scalar {
  readonly tag: string
  readonly value: number
}

/** The first record of every file. */
export const fileVersionEvent = (atMs: number): Buffer =>
  record(message(double(1, atMs / 1000), text(3, 'brain.Event:2')))

/** Numbers of one step. */
export const scalarsEvent = (atMs: number, step: number, scalars: readonly Scalar[]): Buffer =>
  record(
    message(
      double(1, atMs / 1000),
      varintField(2, step),
      bytes(5, message(...scalars.map(({ tag, value }) => bytes(1, message(text(1, tag), float(2, value)))))),
    ),
  )

/** Length and data, each with its masked CRC-32C. */
function record(data: Buffer): Buffer {
  const framed = Buffer.alloc(12 + data.length + 4)
  framed.writeBigUInt64LE(BigInt(data.length), 0)
  framed.writeUInt32LE(maskedCrc32c(framed.subarray(0, 8)), 8)
  data.copy(framed, 12)
  framed.writeUInt32LE(maskedCrc32c(data), 12 + data.length)
  return framed
}

const message = (...fields: readonly Buffer[]) => Buffer.concat(fields)

function double(field: number, value: number): Buffer {
  const written = Buffer.alloc(9, (field << 3) | 1)
  written.writeDoubleLE(value, 1)
  return written
}

function float(field: number, value: number): Buffer {
  const written = Buffer.alloc(5, (field << 3) | 5)
  written.writeFloatLE(value, 1)
  return written
}

const varintField = (field: number, value: number) => Buffer.concat([varint(field << 3), varint(value)])
const text = (field: number, value: string) => bytes(field, Buffer.from(value))
const bytes = (field: number, value: Buffer) => Buffer.concat([varint((field << 3) | 2), varint(value.length), value])

/** A whole number from 0, seven bits a byte. */
function varint(value: number): Buffer {
  const written: number[] = []
  let left = value
  for (; left >= 128; left = Math.floor(left / 128)) written.push((left % 128) | 128)
  return Buffer.from([...written, left])
}

/** TensorFlow rotates and shifts a checksum that is itself in what may be checked (tensorflow/core/lib/hash/crc32c.h). */
function maskedCrc32c(data: Buffer): number {
  const crc = crc32c(data)
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}

// Castagnoli's polynomial, reflected (RFC 3720, appendix B.4). Node has the other CRC-32 only.
const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  return crc
})

export function crc32c(data: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of data) crc = table[(crc ^ byte) & 0xff]! ^ (crc >>> 8)
  return (crc ^ 0xffffffff) >>> 0
}
