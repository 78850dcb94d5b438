// A life of a repository without the program git: node walk-git.mjs <compiled rooms> <folder> [another file]
// Makes the repository, commits its files and appends two entries to its ledger; what is done already is left.
// Prints `done`, or the code of an error of ours and its message; the exit code is 4 then.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { pathToFileURL } from 'node:url'

const [rooms, root, another] = process.argv.slice(2)
const load = (path) => import(pathToFileURL(join(rooms, path)).href)
const { callContext } = await load('core/index.js')
const { commit, gitBranchLedger, initGitRepository, openGit } = await load('repository/git/index.js')

const context = callContext()
const author = { name: 'Ann Example', email: 'ann@example.org' }
const paths = ['dataset']

try {
  await initGitRepository(root, {}, { program: false })
  const git = await openGit(root, context, { program: false })
  await mkdir(join(root, 'dataset/deep'), { recursive: true })
  for (const name of ['a.txt', 'deep/b.txt', ...(another === undefined ? [] : [another])])
    await writeFile(join(root, 'dataset', name), `sample ${name}`)
  const changes = await git.changes(paths, context)
  if (changes.changed.length > 0 || (await git.head()) === undefined)
    await commit(git, { message: 'first', author, paths }, context)
  const ledger = gitBranchLedger(git, { remote: false })
  for (const runId of ['one', 'two']) {
    const entries = await ledger.read(context)
    if (!entries.some((entry) => entry.runId === runId))
      await ledger.append({ type: 'approval', runId, by: 'Ann', reason: 'looked at it' }, context)
  }
  process.stdout.write('done')
} catch (error) {
  process.stdout.write(`${error.code} retryable=${error.retryable} ${error.name} ${error.message}`)
  process.exitCode = 4
}
