import type { CommitOperation } from '@huggingface/hub'
import type { Fetch } from '../remote/index.js'
import { type HubTransport, saidBy } from './hub-transport.js'
import { withProgress } from './upload-progress.js'

export interface HubUpload {
  readonly branch: string
  readonly title: string
  /** @throws `release-conflict` where it is no longer the branch's head. */
  readonly parent: string
  readonly operations: readonly CommitOperation[]
  /** Sees all that is sent. */
  readonly guard: (fetch: Fetch) => Fetch
}

/** What is known of a file on its way, from 0 to 1. */
export interface UploadEvent {
  readonly path: string
  readonly progress: number
  readonly state: 'hashing' | 'uploading' | 'error'
}

/** Uploads and commits, large files by LFS or Xet as the Hub decides. @returns the commit. */
export async function uploadFiles(
  { called, fetch, refuse, signal }: HubTransport,
  { branch, title, parent, operations, guard }: HubUpload,
  onEvent?: (event: UploadEvent) => void,
): Promise<string> {
  const act = 'upload the files'
  return await called(act, (hub, common) => {
    const over = new AbortController()
    return new Promise<string>((resolve, reject) => {
      // Where an error meets an event the client loses it, or it ends the process as a rejection that nobody handles. So it
      // hears of none: its request is never answered, and all else that it sends is stopped.
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
          // Whether a chunk is known already is a question; it may be answered with no.
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
        // One of its own: the client never takes its listener off.
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
