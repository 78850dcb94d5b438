import { SheikhError } from '../../core/index.js'

const maximumLength = 1000

/** Maps the positions in a path that are reached so far, in order, to the positions reached after this step. */
type Step = (path: string, places: readonly number[]) => readonly number[]

/**
 * Whether a path with `/` matches a pattern: `*` and `?` within a name, `**` for any folders, `{a,b}` for either. Takes
 * time proportional to the product of both lengths, without backtracking.
 *
 * @param options.classes also `[a-z0-9_]` and `[!a-z]` for one character, as in Python. @default `[` stands for itself
 * @throws `invalid-options` for an unclosed brace, or a pattern of more than 1,000 characters.
 */
export function globMatcher(pattern: string, { classes = false } = {}): (path: string) => boolean {
  if (pattern.length > maximumLength)
    throw new SheikhError(
      'invalid-options',
      `Cannot use a pattern of ${pattern.length} characters: the maximum is ${maximumLength}. Use a folder instead.`,
    )
  let at = 0
  const steps = sequence(false)
  return (path) => follow(path, steps, [0]).at(-1) === path.length

  function sequence(isInBraces: boolean): readonly Step[] {
    const found: Step[] = []
    while (at < pattern.length) {
      const character = pattern[at]!
      if (isInBraces && (character === ',' || character === '}')) break
      at += 1
      if (character === '*' && pattern[at] === '*') {
        const isFolders = pattern[at + 1] === '/'
        at += isFolders ? 2 : 1
        found.push(isFolders ? folders : anything)
      } else if (character === '*') found.push(withinName)
      else if (character === '?') found.push(one((there) => there !== '/'))
      else if (character === '{') found.push(either())
      else if (character === '[' && classes && closing() > 0) found.push(one(oneOf()))
      else found.push(one((there) => there === character))
    }
    return found
  }

  /** The position of the bracket that closes a class. A bracket at its start is one of its characters. */
  function closing(): number {
    return pattern.indexOf(']', pattern[at] === '!' ? at + 2 : at + 1)
  }

  function oneOf(): (character: string) => boolean {
    const end = closing()
    const isOther = pattern[at] === '!'
    const ranges: [string, string][] = []
    for (at += isOther ? 1 : 0; at < end; at += 1) {
      const isRange = pattern[at + 1] === '-' && at + 2 < end
      ranges.push([pattern[at]!, pattern[isRange ? at + 2 : at]!])
      if (isRange) at += 2
    }
    at = end + 1
    return (there) => there !== '/' && ranges.some(([first, last]) => first <= there && there <= last) !== isOther
  }

  function either(): Step {
    const ways: (readonly Step[])[] = []
    do {
      ways.push(sequence(true))
      at += 1
    } while (pattern[at - 1] === ',')
    if (pattern[at - 1] !== '}')
      throw new SheikhError(
        'invalid-options',
        `Cannot use the pattern ${JSON.stringify(pattern)}: a "{" is not closed. Close it with "}".`,
      )
    return (path, places) => sorted(ways.flatMap((way) => follow(path, way, places)))
  }
}

function follow(path: string, steps: readonly Step[], start: readonly number[]): readonly number[] {
  let places = start
  for (const step of steps) {
    if (places.length === 0) break
    places = step(path, places)
  }
  return places
}

const sorted = (places: readonly number[]) => [...new Set(places)].sort((one, other) => one - other)

const one =
  (isIt: (character: string) => boolean): Step =>
  (path, places) =>
    places.filter((place) => place < path.length && isIt(path[place]!)).map((place) => place + 1)

const anything: Step = (path, [first = 0]) =>
  Array.from({ length: path.length - first + 1 }, (_, index) => first + index)

const withinName: Step = (path, places) => {
  const reached: number[] = []
  for (const place of places) {
    // The end of this name was already reached from an earlier position.
    if (place <= (reached.at(-1) ?? -1)) continue
    const slash = path.indexOf('/', place)
    const end = slash < 0 ? path.length : slash
    for (let to = place; to <= end; to += 1) reached.push(to)
  }
  return reached
}

/** Any number of folder names, each with its `/`. */
const folders: Step = (path, places) => {
  const reached = new Set(places)
  for (const place of places)
    for (let from = place; ; ) {
      const slash = path.indexOf('/', from)
      if (slash <= from || reached.has(slash + 1)) break
      from = slash + 1
      reached.add(from)
    }
  return sorted([...reached])
}
