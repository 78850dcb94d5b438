import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { CallContext } from '../../../core/index.js'
import type { CommitRange, PastCommit, PathChange } from '../git.js'
import type { GitProgram } from './git-program.js'

// Fixed, whatever the settings of the user: no renames, no signatures, and of a merge what differs from all parents.
const parameters = [
  ...['log', '-z', '--date-order', '--full-history', '--root', '-c', '--raw', '--no-abbrev', '--no-renames'],
  ...['--no-color', '--no-show-signature', '--no-ext-diff', '--ignore-submodules=none', '--encoding=UTF-8'],
  '--no-follow',
  // A commit begins with a character that no other part of the output begins with.
  '--format=%x01%H%x00%P%x00%an%x00%ae%x00%at%x00%B',
]

/** `Git.history` by `git log`. @param directory the folder of shared refs. */
export async function nativeHistory(
  program: GitProgram,
  directory: string,
  { to, from, paths = [] }: CommitRange,
  { signal }: CallContext,
): Promise<readonly PastCommit[]> {
  const range = [to, ...(from === undefined ? [] : [`^${from}`])]
  const [output, cut] = await Promise.all([
    program.run([...parameters, ...range, '--', ...paths], { signal }),
    readFile(join(directory, 'shallow'), 'utf8').catch(() => ''),
  ])
  const parentless = new Set(cut.split('\n'))
  const found = parseHistory(output.toString(), parentless)
  // With paths, `-c` also lists merges in which no file differs from all parents.
  return paths.length === 0 ? found : found.filter(({ changes }) => changes?.length !== 0)
}

/** Every part ends with NUL, which neither a message nor a path can contain. */
function parseHistory(output: string, parentless: ReadonlySet<string>): readonly PastCommit[] {
  const tokens = output.split('\0')
  const commits: PastCommit[] = []
  let changes: PathChange[] = []
  for (let at = 0; at < tokens.length; ) {
    const token = tokens[at]!.replace(/^\n/, '')
    if (token.startsWith('\u0001')) {
      const [parents, name, email, seconds, message] = tokens.slice(at + 1, at + 6) as [string, ...string[]]
      const oid = token.slice(1)
      changes = []
      commits.push({
        oid,
        parents: parents.split(' ').filter(Boolean),
        author: { name: name ?? '', email: email ?? '' },
        atMs: Number(seconds) * 1000,
        message: message ?? '',
        // git takes such a commit for the first one, which added every file.
        ...(!parentless.has(oid) && { changes }),
      })
      at += 6
    } else if (token.startsWith(':')) {
      changes.push(changeOf(token, tokens[at + 1]!))
      at += 2
    } else at += 1
  }
  return commits
}

/** git-diff(1), "raw output format": a colon, a mode and an id for each parent. */
function changeOf(line: string, path: string): PathChange {
  const parents = /^:+/.exec(line)![0].length
  const fields = line.slice(parents).split(' ')
  const blobs = Array.from({ length: parents + 1 }, (_, index) => {
    const [mode, oid] = [fields[index]!, fields[parents + 1 + index]!]
    return { isThere: !/^0+$/.test(mode), oid: mode === '160000' || /^0+$/.test(mode) ? undefined : oid }
  })
  const [after, before] = [blobs.at(-1)!, blobs.slice(0, -1)]
  const wasThere = before.some(({ isThere }) => isThere)
  return {
    path,
    change: !after.isThere ? 'removed' : wasThere ? 'changed' : 'added',
    before: before.flatMap(({ oid }) => oid ?? []),
    ...(after.oid !== undefined && { after: after.oid }),
  }
}
