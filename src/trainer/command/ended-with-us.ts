const ends = new Set<() => void>()
const endAll = () => {
  for (const end of ends) end()
}

/**
 * Calls `end` when this process exits, unless unregistered before. A separate process group outlives its parent and
 * could occupy a GPU for days. Uses one listener for all, and none while nothing runs. Does not work if this process is
 * killed.
 *
 * @returns unregisters `end`.
 */
export function endedWithUs(end: () => void): () => void {
  if (ends.size === 0) process.on('exit', endAll)
  ends.add(end)
  return () => {
    ends.delete(end)
    if (ends.size === 0) process.off('exit', endAll)
  }
}
