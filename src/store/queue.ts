/** Runs what is given under one name one after the other, in the order given. */
export function queueByName(): <T>(name: string, work: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<unknown>>()
  return (name, work) => {
    const next = (last.get(name) ?? Promise.resolve()).then(work)
    // A failure is its caller's; the one behind starts all the same. The name goes when nothing waits on it.
    const settled: Promise<unknown> = next
      .catch(() => {})
      .then(() => {
        if (last.get(name) === settled) last.delete(name)
      })
    last.set(name, settled)
    return next
  }
}
