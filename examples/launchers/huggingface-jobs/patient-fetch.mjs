import { setTimeout as wait } from 'node:timers/promises'

const attempts = 5

/** `fetch` that asks again while the network or a busy server refuses: @huggingface/hub does not. For what may be done twice. */
export const patientFetch = (signal) => async (url, init) => {
  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted()
    try {
      const response = await fetch(url, {
        ...init,
        signal: init?.signal ? AbortSignal.any([signal, init.signal]) : signal,
      })
      const isBusy = response.status === 429 || response.status >= 500
      if (!isBusy || attempt === attempts) return response
      await response.body?.cancel()
    } catch (error) {
      if (signal.aborted || init?.signal?.aborted || attempt === attempts) throw error
    }
    await wait(250 * 2 ** attempt, undefined, { signal })
  }
}
