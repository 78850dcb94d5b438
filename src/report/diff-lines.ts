export interface TextLine {
  readonly kind: 'same' | 'removed' | 'added' | 'left-out'
  readonly text: string
}

/** Lines of each text that are compared one by one. More would take time that grows with their product. */
const mostLines = 400
/** Unchanged lines around a change. */
const contextLines = 3

/** The lines of a text. */
export const linesOf = (text: string): readonly string[] => text.split(/\r\n|[\n\r\u2028\u2029]/)

/** How two texts differ, line by line: a longest common subsequence, with three unchanged lines around each change. */
export function diffLines(before: string, after: string): readonly TextLine[] {
  const [old, now] = [linesOf(before), linesOf(after)]
  let start = 0
  while (start < Math.min(old.length, now.length) && old[start] === now[start]) start += 1
  let end = 0
  while (end < Math.min(old.length, now.length) - start && old.at(-1 - end) === now.at(-1 - end)) end += 1
  const same = (lines: readonly string[]) => lines.map((text): TextLine => ({ kind: 'same', text }))
  const changed = compared(old.slice(start, old.length - end), now.slice(start, now.length - end))
  return withContext([...same(now.slice(0, start)), ...changed, ...same(now.slice(now.length - end))])
}

function compared(old: readonly string[], now: readonly string[]): readonly TextLine[] {
  const removed = (text: string): TextLine => ({ kind: 'removed', text })
  const added = (text: string): TextLine => ({ kind: 'added', text })
  if (old.length > mostLines || now.length > mostLines) return [...old.map(removed), ...now.map(added)]
  const width = now.length + 1
  // [line of old, line of now]: the length of the longest common subsequence from there.
  const lengths = new Uint16Array((old.length + 1) * width)
  for (let i = old.length - 1; i >= 0; i -= 1)
    for (let j = now.length - 1; j >= 0; j -= 1)
      lengths[i * width + j] =
        old[i] === now[j]
          ? lengths[(i + 1) * width + j + 1]! + 1
          : Math.max(lengths[(i + 1) * width + j]!, lengths[i * width + j + 1]!)
  const lines: TextLine[] = []
  let [i, j] = [0, 0]
  while (i < old.length || j < now.length)
    if (i < old.length && j < now.length && old[i] === now[j]) {
      lines.push({ kind: 'same', text: now[j]! })
      i += 1
      j += 1
    } else if (j >= now.length || (i < old.length && lengths[(i + 1) * width + j]! >= lengths[i * width + j + 1]!)) {
      lines.push(removed(old[i]!))
      i += 1
    } else {
      lines.push(added(now[j]!))
      j += 1
    }
  return lines
}

function withContext(lines: readonly TextLine[]): readonly TextLine[] {
  const isNear = lines.map(() => false)
  for (const [index, { kind }] of lines.entries())
    if (kind !== 'same') isNear.fill(true, Math.max(0, index - contextLines), index + contextLines + 1)
  const shown: TextLine[] = []
  let left = 0
  const close = () => {
    if (left > 0) shown.push({ kind: 'left-out', text: `${left} unchanged ${left === 1 ? 'line' : 'lines'}` })
    left = 0
  }
  for (const [index, line] of lines.entries())
    if (isNear[index]) {
      close()
      shown.push(line)
    } else left += 1
  close()
  return shown
}
