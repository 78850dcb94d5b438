/** A limited number of places, given in the order of the requests. */
export interface Places {
  /** Waits for a place. @returns frees it. @throws the signal's reason. */
  take(signal: AbortSignal): Promise<() => void>
}

export function placesOf(count: number): Places {
  let free = count
  const waiting = new Set<() => void>()

  function leave(): void {
    const [next] = waiting
    if (next === undefined) free += 1
    else {
      waiting.delete(next)
      next()
    }
  }

  return {
    async take(signal) {
      signal.throwIfAborted()
      if (free > 0) free -= 1
      else
        await new Promise<void>((resolve, reject) => {
          const give = () => {
            signal.removeEventListener('abort', stop)
            resolve()
          }
          const stop = () => {
            waiting.delete(give)
            reject(signal.reason)
          }
          waiting.add(give)
          signal.addEventListener('abort', stop, { once: true })
        })
      let isTaken = true
      return () => {
        if (isTaken) leave()
        isTaken = false
      }
    },
  }
}
