const listeners = new WeakMap<AbortSignal, Set<() => void>>()

/**
 * Calls `listener` when the signal is aborted. Registers one listener per signal, whatever the number of jobs that wait for the
 * signal: Node.js warns of a leak above ten.
 *
 * @returns unregisters it.
 */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  if (signal.aborted) {
    listener()
    return () => {}
  }
  const known = listeners.get(signal)
  const all = known ?? new Set()
  all.add(listener)
  const call = () => {
    for (const each of [...all]) each()
  }
  if (known === undefined) {
    listeners.set(signal, all)
    // Stays until the signal is gone: a set without listeners costs nothing.
    signal.addEventListener('abort', call, { once: true })
  }
  return () => void all.delete(listener)
}
