import { SheikhError } from '../../core/index.js'

/**
 * Whether a path with `/` matches a pattern: `*` and `?` within a name, `**` for any folders, `{a,b}` for either.
 *
 * @throws `invalid-options` for a brace that is not closed.
 */
export function globMatcher(pattern: string): (path: string) => boolean {
  let expression = ''
  let depth = 0
  for (let at = 0; at < pattern.length; at += 1) {
    const character = pattern[at]!
    if (character === '*' && pattern[at + 1] === '*') {
      const folders = pattern[at + 2] === '/'
      expression += folders ? '(?:[^/]+/)*' : '.*'
      at += folders ? 2 : 1
    } else if (character === '*') expression += '[^/]*'
    else if (character === '?') expression += '[^/]'
    else if (character === '{') {
      depth += 1
      expression += '(?:'
    } else if (character === '}' && depth > 0) {
      depth -= 1
      expression += ')'
    } else if (character === ',' && depth > 0) expression += '|'
    else expression += character.replace(/[\\^$.*+?()[\]{}|]/, '\\$&')
  }
  if (depth > 0)
    throw new SheikhError(
      'invalid-options',
      `Cannot use the pattern ${JSON.stringify(pattern)}: a "{" is not closed. Close it with "}".`,
    )
  const matcher = new RegExp(`^${expression}$`, 's')
  return (path) => matcher.test(path)
}
