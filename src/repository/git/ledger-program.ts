import { execFile } from 'node:child_process'
import { type CallContext, SheikhError } from '../../core/index.js'
import type { Git } from './git.js'
import { refused } from './ledger-errors.js'
import type { LedgerPlace, RemotePlaceOptions } from './ledger-place.js'
import { fetchedTip } from './ledger-refs.js'

const timeoutMs = 60_000
// What is fetched is flushed (git 2.36 or later) before a flushed name of ours points at it.
const always = ['gc.auto=0', 'maintenance.auto=false', 'protocol.ext.allow=never', 'core.fsync=all']
const refetch = '--refetch'
/** As one pack: git would unpack no object whose damaged file exists. */
const ofRefetch = ['fetch.unpackLimit=1']

/** A branch behind any other URL (ssh, a path), by the program `git`, which brings the keys. */
export function programPlace(git: Git, { remote, ref }: Pick<RemotePlaceOptions, 'remote' | 'ref'>): LedgerPlace {
  const call = (parameters: readonly string[], context: CallContext) => runGit(git, remote, parameters, context)
  // Only the objects: no name moves, so that writers in one clone do not meet; whole, also in a partial clone.
  const quietly = ['--quiet', '--no-tags', '--no-recurse-submodules', '--no-write-fetch-head', '--refmap=']
  const fetch = (context: CallContext, ...more: readonly string[]) =>
    call(['fetch', ...quietly, ...more, '--no-filter', '--end-of-options', remote, ref], context)
  return {
    tip(context) {
      const find = async () => {
        const { output } = await call(['ls-remote', '--quiet', '--end-of-options', remote, ref], context)
        const line = output.split('\n').find((text) => text.endsWith(`\t${ref}`))
        return line?.split('\t', 1)[0]
      }
      return fetchedTip(git, remote, find, () => fetch(context))
    },
    async alike(context) {
      const { output } = await call(['ls-remote', '--quiet', '--refs', '--end-of-options', remote, `${ref}*`], context)
      const names = output.split('\n').map((line) => line.split('\t')[1] ?? '')
      // The pattern may match the end of a longer name.
      return names.filter((name) => name.startsWith(ref))
    },
    // Version 2.36 of git has the option. An earlier one rejects it, and the caller reports what is missing.
    refetch: async (context) => void (await fetch(context, refetch)),
    async move(next, expected, context) {
      // No hook of a person's: those are for their own work.
      const quietly = ['--quiet', '--porcelain', '--no-verify', '--no-follow-tags', '--recurse-submodules=no']
      const lease = `--force-with-lease=${ref}:${expected ?? ''}`
      const { output, isRefused } = await call(
        ['push', ...quietly, lease, '--end-of-options', remote, `${next}:${ref}`],
        context,
      )
      if (!isRefused) return undefined
      const line = output.split('\n').find((text) => text.startsWith('!')) ?? 'git push ended with 1'
      return refused(remote, ref, line.replaceAll(/\s+/g, ' '))
    },
  }
}

/** @returns `isRefused`: the other side has been reached, and said no. */
async function runGit(
  { root, directory }: Git,
  remote: string,
  parameters: readonly string[],
  context: CallContext,
): Promise<{ readonly output: string; readonly isRefused: boolean }> {
  const { signal } = context
  signal.throwIfAborted()
  // The repository by name: in a hook, git's environment may name another.
  const settings = [...always, ...(parameters.includes(refetch) ? ofRefetch : [])].flatMap((item) => ['-c', item])
  const all = [`--git-dir=${directory}`, ...settings, ...parameters]
  return new Promise((resolve, reject) => {
    execFile('git', all, { cwd: root, signal, timeout: timeoutMs, maxBuffer: 1e8 }, (error, stdout, stderr) => {
      if (error === null) return resolve({ output: stdout, isRefused: false })
      if (signal.aborted) return reject(signal.reason)
      if (error.code === 'ENOENT')
        return reject(
          new SheikhError(
            'missing-peer',
            `Cannot reach the remote "${remote}": its URL needs the program git, which is not installed. Install it, or use an https URL.`,
            { facts: { remote }, cause: error },
          ),
        )
      // 1 is a push that was rejected, 128 anything else that ended it.
      if (error.code === 1 && parameters[0] === 'push') return resolve({ output: stdout, isRefused: true })
      reject(unreachable(remote, error, stderr))
    })
  })
}

function unreachable(remote: string, error: { readonly killed?: boolean }, stderr: string): SheikhError {
  const said = stderr.trim().split('\n').slice(0, 5).join(' ').replace(/\.$/, '')
  const denied = /permission denied|authentication failed|could not read (username|password)|host key verification/i
  const wrong = /not appear to be a git repository|repository not found|dubious ownership|not allowed/i
  const retryable = error.killed === true || !(denied.test(said) || wrong.test(said))
  const remedy = denied.test(said)
    ? `Give this user a key that may push. Test it with: git ls-remote ${remote}`
    : retryable
      ? 'Run again when it answers.'
      : `Check its URL: git remote get-url ${remote}`
  return new SheikhError(
    'storage-failed',
    `Cannot reach the remote "${remote}": ${said || 'git took too long'}. ${remedy}`,
    {
      facts: { remote },
      cause: error,
      retryable,
    },
  )
}
