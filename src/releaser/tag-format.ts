import { SheikhError } from '../core/index.js'
import type { Version } from './releaser.js'
import { isVersion } from './version.js'

/** How versions are written as Git tags, and read back: `v{version}`, or `spam-v{version}` where several projects share a repository. */
export interface TagFormat {
  tagOf(version: Version): string
  /** `undefined` for a tag of another project, or of none. */
  versionOf(tag: string): Version | undefined
}

/** @throws `invalid-options` where the format lacks `{version}` or could not be a tag's name. */
export function tagFormat(format: string): TagFormat {
  const [before = '', after, ...more] = format.split('{version}')
  // No slash: clients of the Hub do not escape one. `-` first would be an option to Git.
  if (after === undefined || more.length > 0 || !/^([A-Za-z0-9_][\w.+-]*)?$/.test(before) || !/^[\w.+-]*$/.test(after))
    throw new SheikhError(
      'invalid-options',
      `Cannot use ${JSON.stringify(format)} as a tag format: write it like "v{version}", in letters, digits, ".", "_", "+" and "-".`,
    )
  return {
    tagOf: (version) => `${before}${version}${after}`,
    versionOf(tag) {
      if (!tag.startsWith(before) || !tag.endsWith(after) || tag.length < before.length + after.length) return undefined
      const version = tag.slice(before.length, tag.length - after.length)
      return isVersion(version) ? version : undefined
    },
  }
}
