import type { Git } from './git.js'

/**
 * The id of the commit that Git calls by this name: `HEAD`, a branch, a tag, an id or its first digits, with `~2` or `^`
 * for ancestors. Looks last for a branch of `origin`: a CI machine has the base branch only there.
 *
 * @returns `undefined` if this clone has no such commit.
 */
export async function findCommit(git: Git, name: string): Promise<string | undefined> {
  const [, base = '', steps = ''] = /^(.*?)((?:~\d*|\^)*)$/s.exec(name)!
  let commit = await git.readCommit((await findRef(git, base)) ?? base)
  for (const step of steps.match(/~\d*|\^/g) ?? [])
    for (let count = step === '^' || step === '~' ? 1 : Number(step.slice(1)); count > 0 && commit; count -= 1)
      commit = commit.parents[0] === undefined ? undefined : await git.readCommit(commit.parents[0])
  return commit?.oid
}

async function findRef(git: Git, name: string): Promise<string | undefined> {
  if (name === 'HEAD' || name === '@') return (await git.head())?.oid
  // What a ref name may contain (git-check-ref-format), so that the name is never a path to another file.
  if (!/^[^\s~^:?*[\\\p{Cc}/.-][^\s~^:?*[\\\p{Cc}]*$/u.test(name) || /\.\.|@\{|\/\/|\/\./.test(name)) return undefined
  const places = name.startsWith('refs/')
    ? ['']
    : ['refs/tags/', 'refs/heads/', 'refs/remotes/', 'refs/remotes/origin/']
  for (const place of places) {
    const oid = await git.readRef(`${place}${name}`)
    if (oid !== undefined) return oid
  }
  return undefined
}
