/** One line in memory at a time. Only a line feed ends one: JSON may hold the other ends of lines. */
export async function* linesOf(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let pieces: Uint8Array[] = []
  const take = () => {
    const line = Buffer.concat(pieces).toString()
    pieces = []
    return line
  }
  for await (const piece of bytes) {
    let from = 0
    for (let end = piece.indexOf(10); end >= 0; end = piece.indexOf(10, from)) {
      pieces.push(piece.subarray(from, end))
      from = end + 1
      const line = take()
      if (line.trim() !== '') yield line
    }
    if (from < piece.length) pieces.push(piece.subarray(from))
  }
  const last = take()
  if (last.trim() !== '') yield last
}
