import type { CommitOperation, RepoDesignation } from '@huggingface/hub'
import { type CallContext, type Digest, hexOf, isSheikhError, messageOf, SheikhError } from '../../core/index.js'
import { type Fetch, type Patience, persistentFetch, refused, remoteFailed } from '../remote/index.js'

export interface HubConnection {
  /** `ns/name` of a model repository, or `datasets/ns/name`. */
  readonly repository: string
  /** Begins with `hf_`. Without one only public repositories can be read. */
  readonly token?: string | undefined
  /** @default 'https://huggingface.co' */
  readonly endpoint?: string | undefined
  /** @default the platform's */
  readonly fetch?: Fetch | undefined
  readonly patience?: Patience | undefined
}

/** A file as the Hub lists it: `oid` is Git's, `lfs` that of a large file's content. */
export interface HubFile {
  readonly path: string
  readonly sizeBytes: number
  readonly oid: string
  /** SHA-256 of the content, hexadecimal. */
  readonly lfsOid?: string | undefined
}

export interface HubRefs {
  /** Name → commit. */
  readonly branches: ReadonlyMap<string, string>
  readonly tags: ReadonlyMap<string, string>
}

export type HubChange =
  | { readonly kind: 'file'; readonly path: string; readonly content: Uint8Array }
  | { readonly kind: 'large'; readonly path: string; readonly sha256: string; readonly sizeBytes: number }
  | { readonly kind: 'deleted'; readonly path: string }

export type HubClient = ReturnType<typeof hubClient>

const pattern = /^(datasets\/)?[A-Za-z0-9][\w.-]{0,95}\/[A-Za-z0-9][\w.-]{0,95}$/

const commitsOfPage = 100

/** A file that is not a large one has at most 10 MiB on the Hub. */
const largestAnswerBytes = 64 * 2 ** 20

/**
 * One repository of the Hub: what @huggingface/hub does, with what it lacks (tags, refs, a commit that names large files
 * by digest instead of sending them).
 */
export function hubClient(options: HubConnection, context: CallContext) {
  const { repository, token, endpoint = 'https://huggingface.co' } = options
  if (!pattern.test(repository) || repository.includes('..'))
    throw new SheikhError(
      'invalid-options',
      `Cannot use ${JSON.stringify(repository)} as a repository of the Hub: write it like "name/model" or "datasets/name/data".`,
    )
  const base = endpoint.replace(/\/+$/, '')
  const isDataset = repository.startsWith('datasets/')
  const name = isDataset ? repository.slice('datasets/'.length) : repository
  const repo: RepoDesignation = { type: isDataset ? 'dataset' : 'model', name }
  const api = `${base}/api/${isDataset ? 'datasets' : 'models'}/${name}`
  const authorization: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const { signal, log } = context
  const patient = { ...options.patience, fetch: options.fetch ?? globalThis.fetch, signal, log }
  const fetch = persistentFetch({
    ...patient,
    largestAnswerBytes,
    // A commit whose answer was lost may have been made.
    isRepeatable: (method, { pathname }) => method !== 'POST' || !pathname.includes('/commit/'),
  })
  const refuse = (act: string, status: number, message?: string) =>
    refused({ act: `${act} in ${repository}`, status, message, tokenName: 'HF_TOKEN' })

  async function request(act: string, url: string, init: RequestInit = {}): Promise<Response> {
    const response = await fetch(url, { ...init, headers: { ...authorization, ...(init.headers as object) } })
    if (response.ok) return response
    throw refuse(act, response.status, await saidBy(response))
  }

  const post = (act: string, url: string, body: unknown) =>
    request(act, url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })

  /** What a call into @huggingface/hub is given, and its errors made ours. */
  async function called<V>(act: string, work: (hub: Hub, common: HubCommon) => Promise<V>): Promise<V> {
    context.signal.throwIfAborted()
    checkToken(token)
    try {
      const common = {
        repo,
        hubUrl: base,
        fetch: fetch as typeof globalThis.fetch,
        ...(token && { accessToken: token }),
      }
      return await work(await import('@huggingface/hub'), common)
    } catch (error) {
      context.signal.throwIfAborted()
      if (isSheikhError(error)) throw error
      const { statusCode } = error as { readonly statusCode?: unknown }
      if (typeof statusCode === 'number') throw refuse(act, statusCode, messageOf(error))
      throw remoteFailed(`${act} in ${repository}`, messageOf(error), {}, error)
    }
  }

  return {
    repository,
    isDataset,
    refuse,

    async refs(): Promise<HubRefs> {
      const read = (await json(await request('list the branches and tags', `${api}/refs`))) as Partial<
        Record<'branches' | 'tags', readonly { readonly name: string; readonly targetCommit: string }[]>
      >
      const byName = (refs: unknown) =>
        new Map(
          (Array.isArray(refs) ? (refs as readonly { name?: unknown; targetCommit?: unknown }[]) : []).flatMap(
            ({ name: ref, targetCommit }) =>
              typeof ref === 'string' && typeof targetCommit === 'string' ? [[ref, targetCommit] as const] : [],
          ),
        )
      return { branches: byName(read.branches), tags: byName(read.tags) }
    },

    /** `undefined` where the file, or the revision, is not there. */
    async read(revision: string, path: string): Promise<Uint8Array | undefined> {
      const response = await fetch(fileUrl(revision, path), { headers: authorization })
      if (response.status === 404 && /^(Entry|Revision)NotFound$/.test(response.headers.get('x-error-code') ?? '')) {
        return undefined
      }
      if (!response.ok) throw refuse(`read "${path}"`, response.status, await saidBy(response))
      return new Uint8Array(await response.arrayBuffer())
    },

    async files(revision: string): Promise<readonly HubFile[]> {
      const found: HubFile[] = []
      let url: string | undefined = `${api}/tree/${encodeURIComponent(revision)}?recursive=true`
      while (url !== undefined) {
        const response: Response = await request('list the files', url)
        const entries = await json(response)
        for (const { type, path, size, oid, lfs } of entries as readonly TreeEntry[])
          if (type === 'file') found.push({ path, sizeBytes: lfs?.size ?? size, oid, lfsOid: lfs?.oid })
        const next = /<([^>]+)>;\s*rel="?next"?/.exec(response.headers.get('link') ?? '')?.[1]
        // Elsewhere than where we asked, it would be given our token.
        url = next !== undefined && new URL(next, base).origin === new URL(base).origin ? next : undefined
      }
      return found
    },

    /** Newest first. */
    async commits(revision: string): Promise<readonly { readonly id: string; readonly title: string }[]> {
      const found: { id: string; title: string }[] = []
      for (let page = 0; ; page += 1) {
        const url = `${api}/commits/${encodeURIComponent(revision)}?limit=${commitsOfPage}&p=${page}`
        const commits = (await json(await request('list the commits', url))) as readonly { id: string; title: string }[]
        for (const { id, title } of commits) found.push({ id, title })
        if (commits.length < commitsOfPage) return found
      }
    },

    /** Where a file's bytes are. */
    fileRequest: (revision: string, path: string) => ({ url: fileUrl(revision, path), headers: authorization }),
    /** For bytes that are not to be held in memory. */
    streamingFetch: persistentFetch(patient),

    async createRepository(visibility: 'private' | 'public'): Promise<void> {
      await called('create the repository', async (hub, common) => {
        try {
          await hub.createRepo({ ...common, accessToken: token!, private: visibility === 'private' })
        } catch (error) {
          // There already: whoever made it.
          if ((error as { readonly statusCode?: unknown }).statusCode !== 409) throw error
        }
      })
    },

    /** Makes the branch, or moves it there. */
    async resetBranch(branch: string, revision: string): Promise<void> {
      await called(`create the branch ${branch}`, (hub, common) =>
        hub.createBranch({ ...common, branch, revision, overwrite: true }),
      )
    },

    /** @returns false where the branch is there. */
    async createBranch(branch: string, revision: string): Promise<boolean> {
      try {
        await called(`create the branch ${branch}`, (hub, common) => hub.createBranch({ ...common, branch, revision }))
        return true
      } catch (error) {
        if (isSheikhError(error, 'release-conflict')) return false
        throw error
      }
    },

    async deleteBranch(branch: string): Promise<void> {
      try {
        await called(`delete the branch ${branch}`, (hub, common) => hub.deleteBranch({ ...common, branch }))
      } catch (error) {
        if (!isSheikhError(error, 'not-found')) throw error
      }
    },

    /** @returns false where a tag of that name is there, wherever it points. */
    async createTag(tag: string, commit: string, message: string): Promise<boolean> {
      checkToken(token)
      try {
        await post(`create the tag ${tag}`, `${api}/tag/${encodeURIComponent(commit)}`, { tag, message })
        return true
      } catch (error) {
        if (isSheikhError(error, 'release-conflict')) return false
        throw error
      }
    },

    /** Uploads and commits, large files by LFS or Xet as the Hub decides. @returns the commit. */
    async upload(
      request: {
        readonly branch: string
        readonly title: string
        readonly parent: string
        readonly operations: readonly CommitOperation[]
        readonly fetch?: ((fetch: Fetch) => Fetch) | undefined
      },
      onEvent?: (event: UploadEvent) => void,
    ): Promise<string> {
      return await called('upload the files', async (hub, common) => {
        const work = hub.commitIter({
          ...common,
          ...(request.fetch && { fetch: request.fetch(fetch) as typeof globalThis.fetch }),
          branch: request.branch,
          title: request.title,
          parentCommit: request.parent,
          operations: [...request.operations],
          // One of its own: the client never takes its listener off.
          abortSignal: AbortSignal.any([context.signal]),
        })
        for (;;) {
          const step = await work.next()
          if (step.done) return step.value!.commit.oid
          if (step.value.event === 'fileProgress') onEvent?.(step.value)
        }
      })
    },

    /** Deletes large files for good; a digest that the Hub does not hold is harmless. */
    async deleteLargeFiles(digests: readonly Digest[]): Promise<void> {
      checkToken(token)
      for (let at = 0; at < digests.length; at += 1000) {
        const sha = digests.slice(at, at + 1000).map(hexOf)
        await post('delete large files', `${api}/lfs-files/batch`, { deletions: { sha, rewriteHistory: false } })
      }
    },

    /** One commit that sends no large file: the Hub has them. @throws `release-conflict` where `parent` is no longer the head. */
    async commit(asked: {
      readonly branch: string
      readonly title: string
      readonly description?: string | undefined
      readonly parent: string
      readonly changes: readonly HubChange[]
    }): Promise<string> {
      checkToken(token)
      const { branch, title, description, parent, changes } = asked
      const header = { summary: title, ...(description !== undefined && { description }), parentCommit: parent }
      const body = [{ key: 'header', value: header }, ...changes.map(lineOf)]
        .map((line) => JSON.stringify(line))
        .join('\n')
      const answer = await request(`commit to ${branch}`, `${api}/commit/${encodeURIComponent(branch)}`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-ndjson' },
        body,
      })
      const { commitOid } = (await json(answer)) as { readonly commitOid?: unknown }
      if (typeof commitOid !== 'string') throw remoteFailed(`commit to ${repository}`, 'its answer names no commit')
      return commitOid
    },
  }

  function fileUrl(revision: string, path: string): string {
    const escaped = path.split('/').map(encodeURIComponent).join('/')
    return `${base}/${repository}/resolve/${encodeURIComponent(revision)}/${escaped}`
  }
}

type Hub = typeof import('@huggingface/hub')
interface HubCommon {
  readonly repo: RepoDesignation
  readonly hubUrl: string
  readonly fetch: typeof globalThis.fetch
  readonly accessToken?: string
}
interface TreeEntry {
  readonly type: string
  readonly path: string
  readonly size: number
  readonly oid: string
  readonly lfs?: { readonly oid: string; readonly size: number }
}

/** What is known of a file on its way, from 0 to 1. */
export interface UploadEvent {
  readonly path: string
  readonly progress: number
  readonly state: 'hashing' | 'uploading' | 'error'
}

function lineOf(change: HubChange): unknown {
  const { path } = change
  if (change.kind === 'deleted') return { key: 'deletedFile', value: { path } }
  if (change.kind === 'large')
    return { key: 'lfsFile', value: { path, algo: 'sha256', oid: change.sha256, size: change.sizeBytes } }
  return { key: 'file', value: { path, content: Buffer.from(change.content).toString('base64'), encoding: 'base64' } }
}

/** Before any request: the client would throw a plain TypeError. */
function checkToken(token: string | undefined): void {
  if (token?.startsWith('hf_')) return
  throw new SheikhError(
    'access-denied',
    `Cannot write to the Hub: the token is ${token === undefined || token === '' ? 'missing' : 'none of the Hub\'s, which begin with "hf_"'}. Set HF_TOKEN to one with the right to write.`,
  )
}

/** The remote's own words for a refusal. */
async function saidBy(response: Response): Promise<string | undefined> {
  const header = response.headers.get('x-error-message')
  const text = await response.text().catch(() => '')
  if (header !== null) return header
  try {
    const { error } = JSON.parse(text) as { readonly error?: unknown }
    return typeof error === 'string' ? error : undefined
  } catch {
    return undefined
  }
}

async function json(response: Response): Promise<unknown> {
  try {
    return await response.json()
  } catch (error) {
    throw remoteFailed(`read its answer`, `it is not JSON (${messageOf(error)})`)
  }
}
