import { type Fetch, watchedBody } from '../remote/index.js'

/** The progress callbacks that @huggingface/hub passes with a file, meant for XMLHttpRequest. */
interface ProgressHint {
  readonly progressCallback: (progress: number) => void
  /** From 0. */
  readonly part?: number
  readonly numParts?: number
}

/** The smallest step that causes an event. */
const leastStep = 0.01

/** A `fetch` that reports upload progress to @huggingface/hub: from 0 to 1 over all parts of a file. */
export function withProgress(fetch: Fetch): Fetch {
  const partsOf = new WeakMap<ProgressHint['progressCallback'], number[]>()
  return (input, init) => {
    const { progressHint, ...rest } = (init ?? {}) as RequestInit & { readonly progressHint?: ProgressHint }
    const { body } = rest
    if (progressHint === undefined || !(body instanceof Blob || body instanceof Uint8Array)) return fetch(input, rest)
    const { progressCallback, part = 0, numParts = 1 } = progressHint
    const sizeBytes = body instanceof Blob ? body.size : body.byteLength
    // All parts of a file share one callback.
    const parts = partsOf.get(progressCallback) ?? new Array<number>(numParts).fill(0)
    partsOf.set(progressCallback, parts)
    let told = 0
    const onSent = (sentBytes: number) => {
      const before = parts[part]!
      parts[part] = sentBytes / sizeBytes
      const progress = parts.reduce((sum, done) => sum + done, 0) / numParts
      // A restarted upload is behind the reported progress.
      if (parts[part] >= before && progress - told < leastStep && sentBytes < sizeBytes) return
      told = progress
      progressCallback(progress)
    }
    return fetch(input, { ...rest, body: watchedBody(body, onSent) })
  }
}
