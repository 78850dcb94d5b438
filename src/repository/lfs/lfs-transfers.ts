import type { FileTransfer } from '../release-targets.js'
import type { LfsProgress } from './git-lfs.js'

/** Reports downloads that run at the same time as one transfer: the path of a single file, otherwise their number. */
export function lfsTransfers(onTransfer: (transfer: FileTransfer) => void): (progress: LfsProgress) => void {
  const received = new Map<string, number>()
  let [receivedBytes, totalBytes] = [0, 0]
  return ({ path, receivedBytes: bytes, sizeBytes }) => {
    if (!received.has(path)) totalBytes += sizeBytes
    receivedBytes += bytes - (received.get(path) ?? 0)
    received.set(path, bytes)
    const name = received.size === 1 ? path : `${received.size} files of Git LFS`
    onTransfer({ direction: 'download', path: name, progress: totalBytes === 0 ? 1 : receivedBytes / totalBytes })
    if (receivedBytes < totalBytes) return
    received.clear()
    receivedBytes = 0
    totalBytes = 0
  }
}
