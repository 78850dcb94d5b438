export interface CsvRecord {
  /** The line on which the record begins, from 1. */
  readonly line: number
  readonly fields: readonly string[]
  /** Of its text, in UTF-16 code units. */
  readonly length: number
}

export interface CsvProblem {
  readonly line: number
  /** From 1, in UTF-16 code units. */
  readonly column: number
  readonly message: string
}

export interface CsvSyntax {
  /** One character. @default ',' */
  readonly separator?: string | undefined
  /** One character, or empty if no field is quoted. @default '"' */
  readonly quote?: string | undefined
}

export interface CsvParsed {
  readonly records: readonly CsvRecord[]
  readonly problem?: CsvProblem | undefined
  /** The offset behind the last whole record. */
  readonly end: number
  /** The line at `end`. */
  readonly line: number
}

/**
 * Parses CSV as in RFC 4180: commas or another separator, quotes around a field, a doubled quote for a quote inside,
 * CRLF or LF between records. Empty lines are skipped. Parsing stops at the first problem.
 *
 * @param text whole lines. @param isLast false: more text follows, so a quoted field may be closed later.
 */
export function parseCsv(
  text: string,
  { separator = ',', quote = '"' }: CsvSyntax = {},
  { isLast = true, line: firstLine = 1 }: { readonly isLast?: boolean; readonly line?: number } = {},
): CsvParsed {
  const records: CsvRecord[] = []
  const separatorCode = separator.charCodeAt(0)
  const quoteCode = quote === '' ? -1 : quote.charCodeAt(0)
  let fields: string[] = []
  let line = firstLine
  let begins = line
  let at = 0
  let start = 0
  let lineStart = 0
  const problem = (message: string): CsvParsed => ({
    ...{ records, end: start, line: begins },
    problem: { line, column: at - lineStart + 1, message },
  })
  while (at < text.length) {
    // Concatenated files leave a byte order mark at the start of a line.
    if (fields.length === 0) while (text.charCodeAt(at) === 0xfeff) at += 1
    const quoted = text.charCodeAt(at) === quoteCode
    if (quoted) {
      const [openAt, openLine, openLineStart] = [at, line, lineStart]
      let field = ''
      at += 1
      for (;;) {
        const end = text.indexOf(quote, at)
        if (end < 0) {
          if (!isLast) return { records, end: start, line: begins }
          ;[at, line, lineStart] = [openAt, openLine, openLineStart]
          return problem('a quoted field is not closed')
        }
        for (let feed = text.indexOf('\n', at); feed >= 0 && feed < end; feed = text.indexOf('\n', feed + 1)) {
          line += 1
          lineStart = feed + 1
        }
        field += text.slice(at, end)
        at = end + 1
        if (text.charCodeAt(at) !== quoteCode) break
        field += quote
        at += 1
      }
      fields.push(field)
    } else {
      const from = at
      for (; at < text.length; at += 1) {
        const code = text.charCodeAt(at)
        if (code === separatorCode || code === 0x0a || code === 0x0d || code === quoteCode) break
      }
      if (at < text.length && text.charCodeAt(at) === quoteCode)
        return problem('a quote appears in a field that does not begin with one')
      fields.push(text.slice(from, at))
    }
    const code = text.charCodeAt(at)
    if (code === separatorCode) {
      at += 1
      // A separator at the very end is followed by one more, empty field.
      if (at < text.length) continue
      fields.push('')
    } else if (code === 0x0d && text.charCodeAt(at + 1) === 0x0a) at += 2
    else if (code === 0x0a) at += 1
    else if (at < text.length)
      return problem(
        quoted ? 'text follows the closing quote of a field' : 'a carriage return has no line feed after it',
      )
    const empty = fields.length === 1 && fields[0] === '' && !quoted
    if (!empty) records.push({ line: begins, fields, length: at - start })
    fields = []
    line += 1
    begins = line
    start = at
    lineStart = at
  }
  return { records, end: start, line }
}
