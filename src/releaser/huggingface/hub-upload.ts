import type { CommitOperation } from '@huggingface/hub'
import type { Fetch } from '../remote/index.js'
import { type HubTransport, saidBy } from './hub-transport.js'
import { withProgress } from './upload-progress.js'

export interface HubUpload {
  readonly branch: string
  readonly title: string
  /** @throws `release-conflict` if it is no longer the head of the branch. */
  readonly parent: string
  readonly operations: readonly CommitOperation[]
  /** Observes the upload. */
  readonly guard: (fetch: Fetch) => Fetch
}

/** The progress of a file, from 0 to 1. */
export interface UploadEvent {
  readonly path: string
  readonly progress: number
  readonly state: 'hashing' | 'uploading' | 'error'
}

/** Uploads and commits files. The Hub chooses LFS or Xet for large files. @returns the commit. */
export async function uploadFiles(
  { called, fetch, refuse, signal }: HubTransport,
  { branch, title, parent, operations, guard }: HubUpload,
  onEvent?: (event: UploadEvent) => void,
): Promise<string> {
  const act = 'upload the files'
  return await called(act, (hub, common) => {
    const over = new AbortController()
    return new Promise<string>((resolve, reject) => {
      // If a request fails during a progress event, the client loses the error or ends the process with an unhandled rejection.
      // So the client never sees the error: its request stays unanswered, and all its other requests are aborted.
      const fail = (error: unknown): Promise<never> => {
        reject(error)
        over.abort()
        return new Promise(() => {})
      }
      const guarded = guard(fetch)
      const sending: Fetch = async (input, init) => {
        const signals = [over.signal, ...(init?.signal ? [init.signal] : [])]
        try {
          const response = await guarded(input, { ...init, signal: AbortSignal.any(signals) })
          // The client asks whether the Hub knows a chunk. "No" is a valid answer.
          if (response.ok || new URL(String(input)).pathname.includes('/v1/chunks/')) return response
          throw refuse(act, response.status, await saidBy(response))
        } catch (error) {
          return fail(error)
        }
      }
      const work = hub.commitIter({
        ...common,
        fetch: withProgress(sending) as typeof globalThis.fetch,
        branch,
        title,
        parentCommit: parent,
        operations: [...operations],
        // A separate signal, because the client never removes its listener.
        abortSignal: AbortSignal.any([signal]),
      })
      async function end(): Promise<string> {
        for (;;) {
          const step = await work.next()
          if (step.done) return step.value!.commit.oid
          if (step.value.event === 'fileProgress') onEvent?.(step.value)
        }
      }
      end().then(resolve, fail)
    })
  })
}
