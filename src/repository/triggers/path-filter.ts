import { posix } from 'node:path'
import { globMatcher } from '../../dataset/index.js'

/**
 * Whether the patterns of a trigger select a path. A pattern also selects everything below a folder that it matches. With `!`,
 * it excludes; the last pattern that matches decides. Only a pattern with `..` selects files outside the project.
 */
export function pathFilter(patterns: readonly string[]): (path: string) => boolean {
  const rules = patterns.map((pattern) => {
    const isExclusion = pattern.startsWith('!')
    const plain = posix.normalize(pattern.slice(isExclusion ? 1 : 0)).replace(/\/$/, '')
    const [itself, below] = plain === '.' ? [globMatcher('**')] : [globMatcher(plain), globMatcher(`${plain}/**`)]
    const isAnywhere = isExclusion || plain.includes('..')
    const matches = (path: string) =>
      (isAnywhere || !path.startsWith('../')) && (itself!(path) || below?.(path) === true)
    return { isExclusion, matches }
  })
  return (path) => rules.findLast(({ matches }) => matches(path))?.isExclusion === false
}
