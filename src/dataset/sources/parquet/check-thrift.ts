// hyparquet parses Thrift without limits: 5 bytes can announce a list of 2^31 booleans, and a long varint takes quadratic
// time. This walks over a struct of the compact protocol (github.com/apache/thrift, thrift-compact-protocol.md) first.
import { damaged } from './damaged.js'

const deepest = 32
const longestVarint = 10

/** Returns the offset behind a struct. Throws `Unreadable` for one that is not well-formed. `undefined`: it is cut off. */
export function endOfStruct(bytes: Uint8Array, start = 0): number | undefined {
  let at = start
  try {
    struct(0)
    return at
  } catch (error) {
    if (error === cut) return undefined
    throw error
  }

  function byte(): number {
    const value = bytes[at]
    if (value === undefined) throw cut
    at += 1
    return value
  }

  function varint(): number {
    let value = 0
    for (let length = 0; ; length += 1) {
      if (length === longestVarint) throw damaged('a number in its metadata is too long')
      const next = byte()
      value += (next & 0x7f) * 2 ** (7 * length)
      if (next < 0x80) return value
    }
  }

  function struct(depth: number): void {
    if (depth > deepest) throw damaged('its metadata is nested too deeply')
    for (;;) {
      const header = byte()
      if ((header & 0x0f) === 0) return
      if (header >> 4 === 0) varint()
      value(header & 0x0f, depth, false)
    }
  }

  function value(type: number, depth: number, isInList: boolean): void {
    if (type === 1 || type === 2) at += isInList ? 1 : 0
    else if (type === 3) at += 1
    else if (type <= 6) varint()
    else if (type === 7) at += 8
    else if (type === 8) {
      const length = varint()
      at += length
    } else if (type === 9) {
      const header = byte()
      const size = header >> 4 === 15 ? varint() : header >> 4
      // Each element has at least one byte.
      if (size > bytes.length - at) throw cut
      for (let index = 0; index < size; index += 1) value(header & 0x0f, depth, true)
    } else if (type === 12) struct(depth + 1)
    else throw damaged(`its metadata has a value of the unknown type ${type}`)
    if (at > bytes.length) throw cut
  }
}

const cut = new Error('cut off')
