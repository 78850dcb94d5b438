import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { GitObject, GitTreeEntry } from './git-objects.js'
import type { GitHubRepositoryState } from './github-state.js'

const execute = promisify(execFile)

/** Takes over all objects and references of a Git repository on disk. Open pull requests follow their branches. */
export async function receivePush(repository: GitHubRepositoryState, directory: string): Promise<void> {
  const git = async (...parameters: readonly string[]) => {
    const options = { encoding: 'buffer', maxBuffer: 2 ** 30 } as const
    return (await execute('git', ['--git-dir', directory, ...parameters], options)).stdout
  }
  const objects = await git('cat-file', '--batch-all-objects', '--batch')
  for (let at = 0; at < objects.length; ) {
    const end = objects.indexOf(10, at)
    const [sha, type, size] = objects.toString('utf8', at, end).split(' ') as [string, string, string]
    const bytes = objects.subarray(end + 1, end + 1 + Number(size))
    repository.objects.set(sha, decoded(type, bytes))
    at = end + 2 + Number(size)
  }
  for (const line of (await git('for-each-ref', '--format=%(objectname) %(refname)')).toString().split('\n')) {
    const [sha, name] = line.split(' ')
    if (sha === undefined || name === undefined) continue
    repository.refs.set(name, sha)
    const head = `${repository.name.split('/')[0]}:${name.replace('refs/heads/', '')}`
    for (const pull of repository.pullRequests) if (pull.head === head) pull.headSha = sha
  }
}

/** https://git-scm.com/book/en/v2/Git-Internals-Git-Objects */
function decoded(type: string, bytes: Buffer): GitObject {
  if (type === 'blob') return { type, bytes }
  if (type === 'tree') return { type, entries: [...treeEntries(bytes)] }
  const text = bytes.toString()
  const end = text.indexOf('\n\n')
  const fields = text.slice(0, end).split('\n')
  const all = (name: string) =>
    fields.flatMap((line) => (line.startsWith(`${name} `) ? [line.slice(name.length + 1)] : []))
  const message = text.slice(end + 2)
  const seconds = /(\d+) [+-]\d{4}$/.exec(all(type === 'tag' ? 'tagger' : 'committer')[0] ?? '')?.[1]
  const atMs = 1000 * Number(seconds ?? 0)
  if (type === 'commit') return { type, tree: all('tree')[0]!, parents: all('parent'), message, atMs }
  return { type: 'tag', object: all('object')[0]!, name: all('tag')[0]!, message, atMs }
}

function* treeEntries(bytes: Buffer): Generator<GitTreeEntry> {
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(0, at)
    const [, mode, name] = /^(\d+) (.*)$/s.exec(bytes.toString('utf8', at, end))!
    const sha = bytes.toString('hex', end + 1, end + 21)
    yield { mode: mode === '40000' ? '040000' : (mode as GitTreeEntry['mode']), name: name!, sha }
    at = end + 21
  }
}
