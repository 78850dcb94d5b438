const ends = new Set<() => void>()
const endAll = () => {
  for (const end of ends) end()
}

/**
 * Calls `end` where this process exits before it is forgotten: a group of its own outlives its parent, and would hold a GPU for days.
 * One listener for all, and none while nothing runs. A process that is killed itself cannot do this.
 *
 * @returns forgets.
 */
export function endedWithUs(end: () => void): () => void {
  if (ends.size === 0) process.on('exit', endAll)
  ends.add(end)
  return () => {
    ends.delete(end)
    if (ends.size === 0) process.off('exit', endAll)
  }
}
