export {
  type AtomicWriteOptions,
  appendLine,
  copyFileDurably,
  createExclusively,
  isTemporaryName,
  makeDirectory,
  readJsonFile,
  readTextFile,
  removeQuietly,
  renameDurably,
  writeFileAtomic,
} from './atomic-files.js'
export { folderNotEmpty, makeEmptyFolder, namesIn } from './empty-folder.js'
export { type FileSystem, nodeFileSystem } from './file-system.js'
export { takeLock } from './folder-lock.js'
export { cachedFile } from './hub-cache.js'
export { linkRemembered } from './known-digests.js'
export {
  isPointerText,
  type LfsPointer,
  lfsPointerAt,
  lfsPointerOf,
  maximumPointerBytes,
  pointerProblem,
  refuseLfsPointer,
} from './lfs-pointer.js'
export {
  chunksOf,
  digestOfFile,
  isSystemError,
  type PlainFile,
  readAt,
  readFailed,
  withPlainFile,
} from './plain-file.js'
export { isProcessGone, processName } from './process-name.js'
export { canSee, type HostProcesses, hostProcesses, type ProcessIdentity } from './processes.js'
export { queueByName } from './queue.js'
export {
  describeDifference,
  type ManifestDifference,
  manifestDifferences,
  readManifest,
  verifyManifest,
  verifyNamedFiles,
} from './read-manifest.js'
export { isReadOnly, readOnlyDocuments } from './read-only-documents.js'
export { isName, lockLost } from './records.js'
export { startWorker } from './start-worker.js'
export { registerProgram, signalProgram, watchPrograms } from './started-programs.js'
export {
  type FileStamp,
  fileStamp,
  isSettled,
  nanosecondsOf,
  type StatCache,
  statCache,
  type ValueForm,
} from './stat-cache.js'
export { errnoOf, isAbsent, isStorageFault, storageFailed, storageFaultOf } from './storage-failed.js'
export type {
  CheckpointStore,
  DocumentStore,
  HeldLock,
  JournalStore,
  KeyRecord,
  KeyStore,
  Lock,
  ObjectStore,
  RunStore,
  Store,
} from './store.js'
export { writeDirectory } from './stored-objects.js'
export { temporaryFolder } from './temporary-folder.js'
export { type WorkFolders, workFolders } from './work-folders.js'
