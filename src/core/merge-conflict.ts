/** What to say about text with a conflict that nobody resolved. Follows the name of a file. */
export const conflictFact = 'it contains a merge conflict that is not resolved'

/** The line, from 1, at which Git marked a conflict. `undefined` if the text contains no markers of a conflict. */
export function conflictLine(text: string): number | undefined {
  if (!text.includes('<<<<<<< ')) return undefined
  let start: number | undefined
  let hasSecondSide = false
  for (const [index, line] of text.split('\n').entries()) {
    if (line.startsWith('<<<<<<< ')) [start, hasSecondSide] = [index + 1, false]
    else if (start !== undefined && /^={7}\r?$/.test(line)) hasSecondSide = true
    else if (hasSecondSide && line.startsWith('>>>>>>> ')) return start
  }
  return undefined
}

/** Whether a line of text is one that Git writes around the sides of a conflict. */
export const isConflictMarker = (line: string): boolean =>
  /^(<{7} |\|{7}( |$)|={7}$|>{7} )/.test(line.replace(/\r$/, ''))
