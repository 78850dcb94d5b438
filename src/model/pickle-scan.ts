import {
  isLineSound,
  type Kind,
  type LineArgument,
  maximumLineBytes,
  type Operation,
  operations,
  pop,
} from './pickle-operations.js'

/** Result for the bytes so far. `protocol` is undefined if the pickle does not state it (0 and 1 need not). */
export type PickleScanResult =
  | { readonly kind: 'pickle'; readonly protocol: number | undefined }
  | { readonly kind: 'other' }
  | { readonly kind: 'undecided' }

/** Detects by content whether bytes are a Python pickle. The bytes come in pieces, in order. Nothing is loaded. */
export interface PickleScan {
  feed(bytes: Uint8Array): PickleScanResult
}

/** A longer stream that is still valid counts as a pickle. Bounds the time for a bomb of zeros. */
const maximumScannedBytes = 1 << 30
/** Real pickles batch by 1,000. A file with a deeper stack must not pass. */
const maximumStack = 1_000_000

/**
 * Follows the opcodes of the pickle machine (CPython, Lib/pickletools.py) and the kinds of values on its stack.
 *
 * Bytes are a pickle if they name a protocol and reach the end, or if they call something: code runs at that opcode,
 * even if the rest is missing or invalid. Protocol 0 is printable, so following the machine distinguishes it from text:
 * a word list may "import" its first two lines, but never calls the result with a tuple.
 */
export function pickleScan(): PickleScan {
  const stack = new KindStack()
  let result: PickleScanResult = { kind: 'undecided' }
  let scanned = 0
  let protocol: number | undefined
  let operation: Operation | undefined
  // The rest of the current operation's argument.
  let lengthLeft = 0
  let lengthDigits = 0
  let length = 0
  let skip = 0
  let linesLeft = 0
  let line: number[] = []

  const decide = (kind: 'pickle' | 'other') => {
    result = kind === 'pickle' ? { kind, protocol } : { kind }
  }
  const run = (done: Operation) => {
    operation = undefined
    if (!stack.apply(done)) return decide('other')
    if (done.stops) return decide(protocol === undefined ? 'other' : 'pickle')
    if (done.calls || stack.size > maximumStack) decide('pickle')
  }
  const start = (code: number, first: boolean) => {
    const found = operations.get(code)
    if (found === undefined) return decide('other')
    operation = found
    if (found.argument === 'proto') {
      // Recorded only at the start of the file; the version is read below.
      lengthLeft = lengthDigits = 1
      length = 0
      if (first) protocol = 0
      return
    }
    if (typeof found.argument === 'string') linesLeft = found.argument === 'names' ? 2 : 1
    else if (found.argument < 0) {
      lengthLeft = lengthDigits = -found.argument
      length = 0
    } else skip = found.argument
    if (skip === 0 && linesLeft === 0 && lengthLeft === 0) run(found)
  }
  const takeLength = (byte: number) => {
    length += byte * 256 ** (lengthDigits - lengthLeft)
    lengthLeft -= 1
    if (lengthLeft > 0) return
    if (operation!.argument === 'proto') {
      if (length > 5) return decide('other')
      if (protocol === 0) protocol = length
      return run(operation!)
    }
    skip = length
    if (skip === 0) run(operation!)
  }
  const takeLineByte = (byte: number) => {
    if (byte !== 0x0a) {
      if (line.length <= maximumLineBytes) line.push(byte)
      return
    }
    const argument = operation!.argument as LineArgument
    if (!isLineSound(argument, line)) return decide('other')
    line = []
    linesLeft -= 1
    if (linesLeft === 0) run(operation!)
  }

  return {
    feed(bytes) {
      for (let at = 0; at < bytes.length && result.kind === 'undecided'; ) {
        if (skip > 0) {
          const step = Math.min(skip, bytes.length - at)
          skip -= step
          at += step
          if (skip === 0) run(operation!)
          continue
        }
        const byte = bytes[at]!
        if (lengthLeft > 0) takeLength(byte)
        else if (linesLeft > 0) takeLineByte(byte)
        else start(byte, scanned + at === 0)
        at += 1
      }
      scanned += bytes.length
      if (result.kind === 'undecided' && scanned > maximumScannedBytes) decide('pickle')
      return result
    },
  }
}

const kinds: readonly Kind[] = ['value', 'mark', 'tuple', 'callable', 'any']
const markIndex = kinds.indexOf('mark')

/** The machine's stack, kinds only: a byte each. */
class KindStack {
  #kinds = new Uint8Array(256)
  size = 0

  /** Applies an operation to the stack. Returns false if the machine would stop with an error. */
  apply(operation: Operation): boolean {
    const { pops, pushes, needs, calls } = operation
    if (calls && !this.#canCall(operation)) return false
    if (pops === 'mark') {
      const mark = this.#mark()
      if (mark === -1) return false
      this.size = mark
    } else {
      if (pops > this.size) return false
      // Only POP may remove a mark; other operations cannot go below it.
      if (operation !== pop && this.#kinds.subarray(this.size - pops, this.size).includes(markIndex)) return false
      this.size -= pops
    }
    if (needs > this.size) return false
    if (pushes !== undefined) this.#push(kinds.indexOf(pushes))
    return true
  }

  #canCall({ argument, pops }: Operation): boolean {
    // INST names the callable; for OBJ it is right above the mark.
    if (argument === 'names') return true
    const callee = this.#at(pops === 'mark' ? this.size - this.#mark() - 1 : pops)
    if (callee !== 'callable' && callee !== 'any') return false
    if (pops === 'mark') return true
    const args = this.#at(pops - 1)
    return args === 'tuple' || args === 'any'
  }

  #mark(): number {
    return this.size === 0 ? -1 : this.#kinds.lastIndexOf(markIndex, this.size - 1)
  }

  #at(depth: number): Kind | undefined {
    return depth < 1 || depth > this.size ? undefined : kinds[this.#kinds[this.size - depth]!]
  }

  #push(kind: number) {
    if (this.size === this.#kinds.length) {
      const larger = new Uint8Array(2 * this.size)
      larger.set(this.#kinds)
      this.#kinds = larger
    }
    this.#kinds[this.size] = kind
    this.size += 1
  }
}
