const newline = 10

/** Splits bytes into lines. Keeps at most `maximumBytes` per line; `whole` is false if a line was truncated. */
export function lineSplitter(maximumBytes: number, onLine: (line: string, whole: boolean) => void) {
  let pieces: Buffer[] = []
  let length = 0
  let whole = true
  const add = (piece: Buffer) => {
    const room = maximumBytes - length
    if (piece.length > room) whole = false
    if (room <= 0 || piece.length === 0) return
    pieces.push(piece.subarray(0, room))
    length += Math.min(piece.length, room)
  }
  const finish = () => {
    const line = (pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces)).toString('utf8')
    const complete = whole
    pieces = []
    length = 0
    whole = true
    onLine(line, complete)
  }
  return {
    push(chunk: Buffer) {
      let start = 0
      for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
        add(chunk.subarray(start, end))
        finish()
        start = end + 1
      }
      add(chunk.subarray(start))
    },
    /** Emits the last line if it has no line break. */
    end() {
      if (length > 0) finish()
    },
  }
}
