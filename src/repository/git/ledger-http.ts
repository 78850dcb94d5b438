import type { HttpClient } from 'isomorphic-git/http/node'
import { type CallContext, isSheikhError, messageOf, SheikhError } from '../../core/index.js'
import { fetchClient } from './fetch-client.js'
import type { Git } from './git.js'
import { durableFiles } from './isomorphic/durable-files.js'
import { loadLibrary } from './isomorphic/isomorphic-git.js'
import { refused } from './ledger-errors.js'
import { withNamedHead } from './ledger-http-head.js'
import type { LedgerPlace, RemotePlaceOptions } from './ledger-place.js'
import { fetchedTip, seenRef } from './ledger-refs.js'

/** Longer than any honest answer about a file of lines takes. */
const timeoutMs = 60_000
const absent = '0'.repeat(40)

/** A branch behind `http://` or `https://`: no program has to be installed. */
export function httpPlace(git: Git, url: string, { remote, ref, onAuth, proxied }: RemotePlaceOptions): LedgerPlace {
  const { root: dir, commonDirectory } = git
  const fs = durableFiles(commonDirectory)
  const common = { url, ...(onAuth !== undefined && { onAuth: (asked: string) => onAuth(asked) ?? {} }) }
  /** @param known the ref that the server is told we have. */
  const fetchHaving = (known: string, context: CallContext) => {
    const names = { ref: known, remoteRef: ref, remote, singleBranch: true, tags: false }
    return ask({ remote, proxied }, context, async (http) =>
      (await loadLibrary()).fetch({ ...common, ...names, http: withNamedHead(http, ref), fs, dir }),
    )
  }
  return {
    tip(context) {
      const find = async (http: HttpClient) => {
        const library = await loadLibrary()
        const found = await library.listServerRefs({ ...common, http, prefix: ref })
        return found.find((entry) => entry.ref === ref)?.oid
      }
      return fetchedTip(
        git,
        remote,
        () => ask({ remote, proxied }, context, find),
        () => fetchHaving(seenRef, context),
      )
    },
    alike: (context) =>
      ask({ remote, proxied }, context, async (http) => {
        const found = await (await loadLibrary()).listServerRefs({ ...common, http, prefix: ref })
        return found.map((entry) => entry.ref).filter((name) => name.startsWith(ref))
      }),
    // No ref has this name, so that the server sends everything.
    refetch: async (context) => void (await fetchHaving('refs/sheikh/nothing', context)),
    move: (next, expected, context) =>
      ask({ remote, proxied }, context, async (http) => {
        try {
          // The server moves the branch if it still stands where `onPrePush` sees it: the request carries that commit's name.
          const onPrePush = ({ remoteRef }: { remoteRef: { oid: string } }) => remoteRef.oid === (expected ?? absent)
          const library = await loadLibrary()
          await library.push({ ...common, http, fs, dir, ref: next, remoteRef: ref, remote, onPrePush })
          return undefined
        } catch (error) {
          const { code } = error as { readonly code?: unknown }
          if (code === 'UserCanceledError' || code === 'PushRejectedError') return refused(remote, ref, 'it has moved')
          if (code === 'GitPushError') return refused(remote, ref, messageOf(error).replaceAll(/\s+/g, ' '))
          throw error
        }
      }),
  }
}

/** One exchange: it ends when it is aborted or takes too long, even where the library would wait for ever. */
async function ask<R>(
  { remote, proxied }: Pick<RemotePlaceOptions, 'remote' | 'proxied'>,
  context: CallContext,
  exchange: (http: HttpClient) => Promise<R>,
): Promise<R> {
  context.signal.throwIfAborted()
  const { request } = proxied ? fetchClient(proxied) : await import('isomorphic-git/http/node')
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(timeoutMs)])
  const stopped = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
  // No redirects: the credential is for this server, and the library repeats a POST as a GET.
  const http: HttpClient = {
    request: (parts) => request({ ...parts, signal, fetchOptions: { followRedirects: false } }),
  }
  try {
    return await Promise.race([exchange(http), stopped])
  } catch (error) {
    context.signal.throwIfAborted()
    if (isSheikhError(error)) throw error
    throw unreachable(remote, signal.aborted ? signal.reason : error)
  }
}

function unreachable(remote: string, error: unknown): SheikhError {
  const { code, data } = error as { readonly code?: unknown; readonly data?: { readonly statusCode?: unknown } }
  const status = typeof data?.statusCode === 'number' ? data.statusCode : undefined
  const facts = { remote, ...(status !== undefined && { status }) }
  const fail = (fact: string, remedy: string, retryable = false) =>
    new SheikhError('storage-failed', `Cannot reach the remote "${remote}": ${fact}. ${remedy}`, {
      facts,
      cause: error,
      retryable,
    })
  if (status === 401 || status === 403 || status === 404)
    return fail(
      `the server answered ${status}, so the credential is missing or was rejected`,
      'Give a token that may push in SHEIKH_GIT_TOKEN (it is sent over https only), or keep the ledger in this clone (ledger: { remote: false } in mlops/pipeline.yaml).',
    )
  if (status !== undefined && status >= 300 && status < 400)
    return fail(`the server answered ${status}, a redirect`, `Set its new URL: git remote set-url ${remote} <url>`)
  const refused = status !== undefined && status < 500 && status !== 408 && status !== 429
  const isWrong = refused || code === 'SmartHttpError' || /CERT|SELF_SIGNED/.test(String(code))
  return isWrong
    ? fail(messageOf(error).split('\n')[0]!.replace(/\.$/, ''), `Check its URL: git remote get-url ${remote}`)
    : fail(messageOf(error).split('\n')[0]!.replace(/\.$/, ''), 'Run again once it is reachable.', true)
}
