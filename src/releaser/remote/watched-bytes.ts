/** Ends a request over which nothing moves. */
export interface Watch {
  /** Aborted after the limit passed with nothing moved. */
  readonly signal: AbortSignal
  /** Something moved, or is awaited from now. */
  restart(limitMs?: number): void
  /** Nothing is awaited. */
  rest(): void
}

/** @param limitMs until it is aborted, where `restart` names no other. It rests at first. */
export function startWatch(limitMs: number): Watch {
  const stopping = new AbortController()
  let timer: NodeJS.Timeout | undefined
  return {
    signal: stopping.signal,
    restart(nextMs = limitMs) {
      clearTimeout(timer)
      timer = setTimeout(() => stopping.abort(new Error(`nothing was heard for ${nextMs / 1000} s`)), nextMs)
    },
    rest: () => clearTimeout(timer),
  }
}

/**
 * The same bytes, and word of them as they are sent. Each reading begins anew, so it can be sent again; nothing is held in
 * memory.
 *
 * @param onSent hears how many bytes of this reading are gone.
 */
export const watchedBody = (body: Blob | Uint8Array, onSent: (sentBytes: number) => void): Blob =>
  new WatchedBlob(body instanceof Blob ? body : sourceOf(body), onSent)

type Source = Pick<Blob, 'size' | 'type' | 'slice'> & { stream(): ReadableStream<Uint8Array> }

class WatchedBlob extends Blob {
  override readonly size: number
  readonly #source: Source
  readonly #onSent: (sentBytes: number) => void

  constructor(source: Source, onSent: (sentBytes: number) => void) {
    super([], { type: source.type })
    this.size = source.size
    this.#source = source
    this.#onSent = onSent
  }

  override stream(): ReturnType<Blob['stream']> {
    let sentBytes = 0
    const counting = new TransformStream<Uint8Array, Uint8Array>({
      transform: (piece, controller) => {
        controller.enqueue(piece)
        sentBytes += piece.byteLength
        this.#onSent(sentBytes)
      },
    })
    return this.#source.stream().pipeThrough(counting) as ReturnType<Blob['stream']>
  }

  // What a `fetch` of others may ask for.
  override slice(...range: Parameters<Blob['slice']>): Blob {
    return this.#source.slice(...range)
  }
  override arrayBuffer(): Promise<ArrayBuffer> {
    return new Response(this.stream() as ReadableStream<Uint8Array>).arrayBuffer()
  }
  override text(): Promise<string> {
    return new Response(this.stream() as ReadableStream<Uint8Array>).text()
  }
}

const pieceBytes = 1 << 16

/** `new Blob([bytes])` would copy them. */
function sourceOf(bytes: Uint8Array): Source {
  const whole = (begin?: number, end?: number, type?: string) =>
    new Blob([bytes.slice(begin, end)], type === undefined ? {} : { type })
  return {
    size: bytes.byteLength,
    type: '',
    slice: whole,
    stream() {
      let at = 0
      return new ReadableStream<Uint8Array>({
        pull(controller) {
          if (at < bytes.byteLength) controller.enqueue(bytes.subarray(at, at + pieceBytes))
          else controller.close()
          at += pieceBytes
        },
      })
    },
  }
}

/** The same answer; `watch` runs while the next piece of its body is awaited, and not while the reader is busy. */
export function watchedAnswer(response: Response, watch: Watch): Response {
  if (response.body === null) return response
  const { status, statusText, headers } = response
  const reader = response.body.getReader()
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        watch.restart()
        try {
          const { done, value } = await reader.read()
          if (done) controller.close()
          else controller.enqueue(value)
        } finally {
          watch.rest()
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
  return new Response(body, { status, statusText, headers })
}
