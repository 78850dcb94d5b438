import { readFile } from 'node:fs/promises'
import { messageOf, SheikhError } from '../core/index.js'
import { decodeText, inexactProblem, isTextMember, parseJsonKeepingDigits, withoutMarks } from '../dataset/index.js'

/** The JSON value of each line. @throws `not-found`, `evaluation-invalid` with file and line. */
export async function readJsonLines(
  path: string,
): Promise<readonly { readonly value: unknown; readonly line: number }[]> {
  let bytes: Uint8Array
  try {
    bytes = await readFile(path)
  } catch (cause) {
    const absent = (cause as NodeJS.ErrnoException).code === 'ENOENT'
    throw unreadable(path, messageOf(cause), absent ? 'not-found' : 'evaluation-invalid', cause)
  }
  const decoded = decodeText(bytes, maximumBytes)
  if ('problem' in decoded) throw unreadable(path, decoded.problem, 'evaluation-invalid')
  return decoded.text.split('\n').flatMap((content, index) => {
    const text = withoutMarks(content)
    if (text.trim() === '') return []
    const wrong = (fact: string, remedy: string) =>
      new SheikhError('evaluation-invalid', `Cannot use "${path}", line ${index + 1}: ${fact}. ${remedy}.`, {
        facts: { path, line: index + 1 },
      })
    const parsed = parseJsonKeepingDigits(text)
    if ('problem' in parsed) throw wrong(parsed.problem.message, 'Write one complete JSON object per line')
    const inexact = parsed.inexact.find((number) => !isTextMember(number, ['id']))
    if (inexact !== undefined) throw wrong(inexactProblem(inexact), 'Only an id may be such a number')
    return [{ value: parsed.value, line: index + 1 }]
  })
}

const maximumBytes = 1_000_000_000

const unreadable = (path: string, fact: string, code: 'not-found' | 'evaluation-invalid', cause?: unknown) =>
  new SheikhError(code, `Cannot read "${path}": ${fact}. Name a UTF-8 text file with one JSON object per line.`, {
    facts: { path },
    ...(cause !== undefined && { cause }),
  })
