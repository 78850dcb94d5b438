/** What a terminal shows after it received this output: lines without trailing spaces. Knows what the command line uses. */
export function screenOf(output: string, columns: number): readonly string[] {
  const rows: string[][] = [[]]
  let [row, column] = [0, 0]
  for (const [token] of output.replace(/\u001b\[\d+m/g, '').matchAll(/\u001b\[K|[\s\S]/gu)) {
    if (token === '\r') column = 0
    else if (token === '\n') [row, column] = [row + 1, 0]
    else if (token === '\u001b[K') rows[row]!.length = Math.min(rows[row]!.length, column)
    else {
      if (column === columns) [row, column] = [row + 1, 0]
      rows[row] ??= []
      rows[row]![column] = token
      column += 1
    }
    rows[row] ??= []
  }
  return rows.map((cells) =>
    Array.from(cells, (cell) => cell ?? ' ')
      .join('')
      .trimEnd(),
  )
}
