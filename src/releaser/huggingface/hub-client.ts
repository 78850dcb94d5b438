import { type CallContext, type Digest, type FileEntry, hexOf, isSheikhError } from '../../core/index.js'
import { downloadFile, remoteFailed } from '../remote/index.js'
import type { HubConnection } from './hub-connection.js'
import { hubTransport, json, saidBy } from './hub-transport.js'
import { type HubUpload, type UploadEvent, uploadFiles } from './hub-upload.js'

/** A file as the Hub lists it: `oid` is the Git object id; `lfs` describes the content of a large file. */
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

const commitsOfPage = 100
/** The Hub recommends less than 100,000 files in a repository. */
const mostFiles = 1_000_000

/**
 * A client for one repository of the Hub. Extends @huggingface/hub with tags, refs, and commits that reference large files by
 * digest instead of uploading them.
 */
export function hubClient(options: HubConnection, context: CallContext) {
  const transport = hubTransport(options, context)
  const { repository, base, api, authorization, fetch, refuse, request, post, called, checkToken } = transport

  return {
    repository,

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

    /** The commit of a branch, a tag, a commit or a ref such as `refs/convert/parquet`. @throws `not-found`. */
    async commitOf(revision: string): Promise<string> {
      const act = `find the revision ${JSON.stringify(revision)}`
      const { sha } = (await json(await request(act, `${api}/revision/${encodeURIComponent(revision)}`))) as {
        readonly sha?: unknown
      }
      if (typeof sha === 'string' && /^[0-9a-f]{40}$/.test(sha)) return sha
      throw remoteFailed(`${act} of ${repository}`, 'the response contains no commit')
    },

    /** Returns `undefined` if the file or the revision does not exist. */
    async read(revision: string, path: string): Promise<Uint8Array | undefined> {
      const response = await fetch(fileUrl(revision, path), { headers: authorization })
      if (response.status === 404 && /^(Entry|Revision)NotFound$/.test(response.headers.get('x-error-code') ?? '')) {
        return undefined
      }
      if (!response.ok) throw refuse(`read "${path}"`, response.status, await saidBy(response), true)
      return new Uint8Array(await response.arrayBuffer())
    },

    async files(revision: string): Promise<readonly HubFile[]> {
      const found: HubFile[] = []
      let url: string | undefined = `${api}/tree/${encodeURIComponent(revision)}?recursive=true`
      while (url !== undefined) {
        const response: Response = await request('list the files', url)
        const entries = await json(response)
        const refuseList = (fact: string) => remoteFailed(`list the files of ${repository}`, fact)
        if (!Array.isArray(entries)) throw refuseList('the response is not a list')
        for (const { type, path, size, oid, lfs } of entries as readonly TreeEntry[])
          if (type === 'file') found.push({ path, sizeBytes: lfs?.size ?? size, oid, lfsOid: lfs?.oid })
        if (found.length > mostFiles) throw refuseList(`there are more than ${mostFiles} files`)
        const next = /<([^>]+)>;\s*rel="?next"?/.exec(response.headers.get('link') ?? '')?.[1]
        // Another host would receive our token, and pages without entries could go on for ever.
        if (next !== undefined && (entries.length === 0 || new URL(next, base).origin !== new URL(base).origin))
          throw refuseList(entries.length === 0 ? 'a page is empty' : 'the next page is on another host')
        url = next
      }
      return found
    },

    /** Newest first. */
    async *commits(revision: string): AsyncGenerator<{ readonly id: string; readonly title: string }> {
      for (let page = 0; ; page += 1) {
        const url = `${api}/commits/${encodeURIComponent(revision)}?limit=${commitsOfPage}&p=${page}`
        const commits = (await json(await request('list the commits', url))) as readonly { id: string; title: string }[]
        yield* commits
        if (commits.length < commitsOfPage) return
      }
    },

    /** Downloads a file of a revision, and checks it. @throws `artifact-corrupt`. */
    async download(
      revision: string,
      file: FileEntry,
      target: string,
      onProgress?: (receivedBytes: number) => void,
    ): Promise<void> {
      const request = () => ({ url: fileUrl(revision, file.path), headers: authorization })
      const refuseFile = (status: number) => refuse(`download "${file.path}"`, status, undefined, true)
      const { streamingFetch } = transport
      await downloadFile({ fetch: streamingFetch, request, file, target, onProgress, refuse: refuseFile }, context)
    },

    async createRepository(visibility: 'private' | 'public'): Promise<void> {
      await called('create the repository', async (hub, common) => {
        try {
          await hub.createRepo({ ...common, private: visibility === 'private' })
        } catch (error) {
          // The repository exists already.
          if ((error as { readonly statusCode?: unknown }).statusCode !== 409) throw error
        }
      })
    },

    /** Creates the branch, or moves it. */
    async resetBranch(branch: string, revision: string): Promise<void> {
      await called(`create the branch ${branch}`, (hub, common) =>
        hub.createBranch({ ...common, branch, revision, overwrite: true }),
      )
    },

    /** @returns false if the branch exists already. */
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

    /** @returns false if a tag with that name exists, wherever it points. */
    async createTag(tag: string, commit: string, message: string): Promise<boolean> {
      checkToken()
      try {
        await post(`create the tag ${tag}`, `${api}/tag/${encodeURIComponent(commit)}`, { tag, message })
        return true
      } catch (error) {
        if (isSheikhError(error, 'release-conflict')) return false
        throw error
      }
    },

    upload: (request: HubUpload, onEvent?: (event: UploadEvent) => void) => uploadFiles(transport, request, onEvent),

    /** Deletes large files permanently. Ignores digests that the Hub does not have. */
    async deleteLargeFiles(digests: readonly Digest[]): Promise<void> {
      checkToken()
      for (let at = 0; at < digests.length; at += 1000) {
        const sha = digests.slice(at, at + 1000).map(hexOf)
        await post('delete large files', `${api}/lfs-files/batch`, { deletions: { sha, rewriteHistory: false } })
      }
    },

    /** Creates a commit without uploading large files: the Hub has them already. @throws `release-conflict` if `parent` is no longer the head. */
    async commit(asked: {
      readonly branch: string
      readonly title: string
      readonly description?: string | undefined
      readonly parent: string
      readonly changes: readonly HubChange[]
    }): Promise<string> {
      checkToken()
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
      if (typeof commitOid !== 'string')
        throw remoteFailed(`commit to ${repository}`, 'the response contains no commit')
      return commitOid
    },
  }

  function fileUrl(revision: string, path: string): string {
    const escaped = path.split('/').map(encodeURIComponent).join('/')
    return `${base}/${repository}/resolve/${encodeURIComponent(revision)}/${escaped}`
  }
}

interface TreeEntry {
  readonly type: string
  readonly path: string
  readonly size: number
  readonly oid: string
  readonly lfs?: { readonly oid: string; readonly size: number }
}

function lineOf(change: HubChange): unknown {
  const { path } = change
  if (change.kind === 'deleted') return { key: 'deletedFile', value: { path } }
  if (change.kind === 'large')
    return { key: 'lfsFile', value: { path, algo: 'sha256', oid: change.sha256, size: change.sizeBytes } }
  return { key: 'file', value: { path, content: Buffer.from(change.content).toString('base64'), encoding: 'base64' } }
}
