import { globMatcher } from '../../dataset/index.js'

/**
 * Whether the patterns of a trigger select a path. A pattern also selects everything below a folder that it matches. With `!`,
 * it excludes; the last pattern that matches decides.
 */
export function pathFilter(patterns: readonly string[]): (path: string) => boolean {
  const rules = patterns.map((pattern) => {
    const isExclusion = pattern.startsWith('!')
    const plain = pattern.slice(isExclusion ? 1 : 0).replace(/^(\.\/)+|\/+$/g, '')
    const [itself, below] = [globMatcher(plain), globMatcher(`${plain}/**`)]
    return { isExclusion, matches: (path: string) => itself(path) || below(path) }
  })
  return (path) => rules.findLast(({ matches }) => matches(path))?.isExclusion === false
}
