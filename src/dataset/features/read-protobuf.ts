/** A field of a protobuf message: a number, or the bytes of a text or a message. Fixed-size values are left out. */
type ProtobufField =
  | { readonly number: number; readonly value: bigint; readonly bytes?: undefined }
  | { readonly number: number; readonly bytes: Buffer; readonly value?: undefined }

/**
 * The fields of a protobuf message, in order (https://protobuf.dev/programming-guides/encoding).
 *
 * @throws `RangeError` for bytes that are no message.
 */
function* protobufFields(message: Buffer): Iterable<ProtobufField> {
  let at = 0
  const varint = (): bigint => {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = message[at]
      if (byte === undefined) break
      at += 1
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    throw new RangeError('a number is cut off')
  }
  const skip = (length: number) => {
    if (at + length > message.length) throw new RangeError('a field is cut off')
    at += length
  }
  while (at < message.length) {
    const tag = varint()
    const number = Number(tag >> 3n)
    switch (Number(tag & 7n)) {
      case 0:
        yield { number, value: varint() }
        break
      case 1:
        skip(8)
        break
      case 2: {
        const length = Number(varint())
        const start = at
        skip(length)
        yield { number, bytes: message.subarray(start, at) }
        break
      }
      case 5:
        skip(4)
        break
      default:
        throw new RangeError('a field has an unknown type')
    }
  }
}

/** A message by the numbers of its fields, the last of each. */
export class ProtobufMessage {
  readonly #fields: readonly ProtobufField[]

  constructor(bytes: Buffer) {
    this.#fields = [...protobufFields(bytes)]
  }

  text(number: number): string {
    return this.#bytes(number).at(-1)?.toString('utf8') ?? ''
  }

  integer(number: number): bigint {
    return this.#fields.findLast((field) => field.number === number)?.value ?? 0n
  }

  message(number: number): ProtobufMessage {
    return this.messages(number).at(-1) ?? new ProtobufMessage(Buffer.alloc(0))
  }

  messages(number: number): readonly ProtobufMessage[] {
    return this.#bytes(number).map((bytes) => new ProtobufMessage(bytes))
  }

  /** Whether it has no fields but these. */
  hasOnly(numbers: readonly number[]): boolean {
    return this.#fields.every(({ number }) => numbers.includes(number))
  }

  #bytes(number: number): readonly Buffer[] {
    return this.#fields.flatMap((field) => (field.number === number && field.bytes !== undefined ? [field.bytes] : []))
  }
}
