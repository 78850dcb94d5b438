/** A message that the page of a run shows, and that the changed files show at `place`. Data cannot end it and start a command of its own. */
export function annotation(
  kind: 'warning' | 'error' | 'notice',
  title: string,
  message: string,
  place: { readonly path?: string; readonly line?: number | undefined; readonly column?: number | undefined } = {},
): string {
  const properties = Object.entries({ file: place.path, line: place.line, col: place.column, title })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${escapeProperty(String(value))}`)
  return `::${kind} ${properties.join(',')}::${escapeData(message)}`
}

const escapeProperty = (text: string) => escapeData(text).replace(/:/g, '%3A').replace(/,/g, '%2C')

/** https://docs.github.com/actions/reference/workflow-commands-for-github-actions; the runner's own escapes. */
const escapeData = (text: string) => text.replace(/%/g, '%25').replace(/\r/g, '%0D').replace(/\n/g, '%0A')

/** Text that the runner prints without looking for commands in it. @param token must not occur in the text. */
export const quoted = (text: string, token: string) => `::stop-commands::${token}\n${text}\n::${token}::`

/** The beginning of a text, to the end of a line, with a note if something was left out. */
export function shortened(text: string, longestBytes: number, note: string): string {
  if (Buffer.byteLength(text) <= longestBytes) return text
  const room = Math.max(0, longestBytes - Buffer.byteLength(note) - 2)
  const beginning = Buffer.from(text).subarray(0, room).toString('utf8')
  return `${beginning.slice(0, Math.max(0, beginning.lastIndexOf('\n')))}\n\n${note}`
}
