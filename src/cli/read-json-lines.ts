import { readFile } from 'node:fs/promises'
import { messageOf, SheikhError } from '../core/index.js'

/** Each line's JSON value. @throws `not-found`, `evaluation-invalid` with file and line. */
export async function readJsonLines(
  path: string,
): Promise<readonly { readonly value: unknown; readonly line: number }[]> {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path))
  } catch (cause) {
    const absent = (cause as NodeJS.ErrnoException).code === 'ENOENT'
    throw new SheikhError(
      absent ? 'not-found' : 'evaluation-invalid',
      `Cannot read "${path}": ${messageOf(cause)}. Name a file of UTF-8 text with a JSON object a line.`,
      { facts: { path }, cause },
    )
  }
  return text.split('\n').flatMap((content, index) => {
    if (content.trim() === '') return []
    try {
      return [{ value: JSON.parse(content) as unknown, line: index + 1 }]
    } catch (cause) {
      throw new SheikhError(
        'evaluation-invalid',
        `Cannot use "${path}", line ${index + 1}: it is not JSON (${messageOf(cause)}). Write one whole JSON object a line.`,
        { facts: { path, line: index + 1 }, cause },
      )
    }
  })
}
