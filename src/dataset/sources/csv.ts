export interface CsvRecord {
  /** The line on which the record begins, from 1. */
  readonly line: number
  readonly fields: readonly string[]
}

export interface CsvProblem {
  readonly line: number
  readonly message: string
}

/**
 * Parses CSV as in RFC 4180: commas or another separator, double quotes around a field, `""` for a quote inside, CRLF
 * or LF between records. Empty lines are skipped. Parsing stops at the first problem.
 */
export function parseCsv(
  text: string,
  separator = ',',
): { readonly records: readonly CsvRecord[]; readonly problem?: CsvProblem } {
  const records: CsvRecord[] = []
  let fields: string[] = []
  let line = 1
  let begins = 1
  let at = 0
  const problem = (message: string) => ({ records, problem: { line, message } })
  const ends = `${separator}\r\n"`
  while (at < text.length) {
    // Concatenated files leave a byte order mark at the start of a line.
    if (fields.length === 0) while (text[at] === '\uFEFF') at += 1
    const quoted = text[at] === '"'
    if (quoted) {
      let field = ''
      at += 1
      for (;;) {
        const end = text.indexOf('"', at)
        if (end < 0) return { records, problem: { line: begins, message: 'a quoted field is not closed' } }
        field += text.slice(at, end)
        at = end + 1
        if (text[at] !== '"') break
        field += '"'
        at += 1
      }
      line += field.split('\n').length - 1
      fields.push(field)
    } else {
      const start = at
      while (at < text.length && !ends.includes(text[at]!)) at += 1
      if (text[at] === '"') return problem('a quote appears in a field that does not begin with one')
      fields.push(text.slice(start, at))
    }
    if (text[at] === separator) {
      at += 1
      // A separator at the very end is followed by one more, empty field.
      if (at < text.length) continue
      fields.push('')
    } else if (text[at] === '\r' && text[at + 1] === '\n') at += 2
    else if (text[at] === '\n') at += 1
    else if (at < text.length)
      return problem(
        quoted ? 'text follows the closing quote of a field' : 'a carriage return has no line feed after it',
      )
    const empty = fields.length === 1 && fields[0] === '' && !quoted
    if (!empty) records.push({ line: begins, fields })
    fields = []
    line += 1
    begins = line
  }
  return { records }
}
