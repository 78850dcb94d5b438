import { SheikhError } from '../core/index.js'
import type { Version } from './releaser.js'
import { isVersion } from './version.js'

/** Converts between versions and Git tags: `v{version}`, or `spam-v{version}` if several projects share a repository. */
export interface TagFormat {
  tagOf(version: Version): string
  /** The version of a tag, or `undefined` for a tag with another format. */
  versionOf(tag: string): Version | undefined
}

/** @throws `invalid-options` if the format lacks `{version}` or is not a valid tag name. */
export function tagFormat(format: string): TagFormat {
  const [before = '', after, ...more] = format.split('{version}')
  // No slash: Hub clients do not escape it. Git would read a leading `-` as an option.
  if (after === undefined || more.length > 0 || !/^([A-Za-z0-9_][\w.+-]*)?$/.test(before) || !/^[\w.+-]*$/.test(after))
    throw new SheikhError(
      'invalid-options',
      `Cannot use ${JSON.stringify(format)} as a tag format: a format contains {version} once, and otherwise only letters, digits, ".", "_", "+" and "-". Write it like "v{version}".`,
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
