// A run as a folder, for a machine that has no common store with the one that ran it:
//   run.json                            the record
//   bundle/…                            the files that would be released
//   evaluation/evaluation.safetensors   what the candidate predicted
//   manifest.json                       the digest of each of these files
// Whoever reads the folder trusts nothing in it: the machine that wrote it may be in the hands of somebody else.
import { join } from 'node:path'
import {
  type CallContext,
  canonicalJson,
  type Digest,
  digestManifest,
  type FileEntry,
  fits,
  isRunId,
  isSheikhError,
  type Manifest,
  manifestOf,
  messageOf,
  misfitOf,
  parseManifest,
  SheikhError,
} from '../core/index.js'
import {
  copyFileDurably,
  describeDifference,
  manifestDifferences,
  nodeFileSystem,
  readAt,
  readManifest,
  type Store,
  withPlainFile,
  writeDirectory,
  writeFileAtomic,
} from '../store/index.js'
import { notAwaiting } from './not-awaiting.js'
import { readRun, runRecordShape } from './run-records.js'
import type { RunRecord } from './run-result.js'
import { evaluationFile } from './stages/score-model.js'

const manifestFile = 'manifest.json'
const recordFile = 'run.json'
// A record names each sample that has a warning, and each regressed item: a few hundred kB.
const maximumRecordBytes = 1 << 24
const maximumManifestBytes = 1 << 24
const maximumEvaluationBytes = 1 << 30

/** A run that ended before its release, or found nothing to release, and the objects that its record names. */
export interface PortableRun {
  readonly record: RunRecord
  /** Writes a directory that the record names into an absent or empty folder, every byte hashed. */
  open(digest: Digest, target: string, context: CallContext): Promise<void>
}

/**
 * Writes a run into a folder: its record and the objects that a release needs, all of them or nothing.
 *
 * @throws `not-found` if the run is not in the store, or neither awaits its release nor is up to date; `invalid-options` if the
 * folder is not empty.
 */
export async function exportRun(store: Store, runId: string, directory: string, context: CallContext): Promise<void> {
  const record = await readRun(store, runId)
  if (record?.status !== 'awaiting-release' && record?.status !== 'up-to-date')
    throw notAwaiting('export', runId, record)
  const { bundle, evaluations } = record
  const candidate = evaluations?.candidate
  await writeDirectory(nodeFileSystem, directory, async (partial) => {
    if (bundle !== undefined) await store.objects.getDirectory(bundle, join(partial, 'bundle'), context)
    if (candidate !== undefined) await store.objects.getDirectory(candidate, join(partial, 'evaluation'), context)
    // The scores of releases are not part of it: another machine would not believe them.
    const told = { ...record, ...(evaluations !== undefined && { evaluations: { candidate } }) }
    await writeFileAtomic(join(partial, recordFile), canonicalJson(JSON.parse(JSON.stringify(told))))
    await writeFileAtomic(join(partial, manifestFile), canonicalJson(await readManifest(partial, context)))
  })
}

/** The run in a store. @throws `not-found`. */
export async function storedRun(store: Store, runId: string): Promise<PortableRun> {
  const record = await readRun(store, runId)
  if (record === undefined) throw notAwaiting('release', runId, record)
  return { record, open: (digest, target, context) => store.objects.getDirectory(digest, target, context) }
}

/**
 * The run in a folder that `exportRun` wrote, after a check of every byte.
 *
 * @throws `not-found` if there is no such folder; `artifact-corrupt` for a file that is missing, changed or not part of a run, a
 *   link, a record of another form, and anything that is too large.
 */
export async function runInFolder(directory: string, context: CallContext): Promise<PortableRun> {
  const manifest = await checkedManifest(directory, context)
  const corrupt = (fact: string, cause?: unknown) => corruptFolder(directory, fact, cause)
  const text = await readText(join(directory, recordFile), maximumRecordBytes, corrupt)
  const record = parsed(text, recordFile, corrupt)
  if (!fits(runRecordShape, record))
    throw corrupt(`"${misfitOf(runRecordShape, record, 'run')}" is missing in ${recordFile} or has another form`)
  if (!isRunId(record.runId)) throw corrupt(`${recordFile} has no run id`)
  const parts = new Map<Digest, { readonly folder: string; readonly files: readonly FileEntry[] }>()
  const named = [
    ['bundle', record.bundle],
    ['evaluation', record.evaluations?.candidate],
  ] as const
  for (const [folder, digest] of named) {
    const inside = manifestOf(
      manifest.files.flatMap((file) =>
        file.path.startsWith(`${folder}/`) ? [{ ...file, path: file.path.slice(folder.length + 1) }] : [],
      ),
    )
    const found = inside.files.length === 0 ? undefined : digestManifest(inside)
    if (found !== digest) throw corrupt(`the files in ${folder}/ are not those that ${recordFile} names`)
    if (digest !== undefined) parts.set(digest, { folder, files: inside.files })
  }
  return {
    record,
    async open(digest, target, { signal, ...rest }) {
      const part = parts.get(digest)
      if (part === undefined) throw corrupt(`it does not contain ${digest}`)
      for (const { path, digest: expected } of part.files) {
        signal.throwIfAborted()
        // Hashed while it is copied: the file may have been replaced since the check.
        const from = join(directory, part.folder, path)
        await copyFileDurably(from, join(target, path), { signal, ...rest }, { expected })
      }
    },
  }
}

/** The manifest of a folder that has exactly its files, and only files of a run. */
async function checkedManifest(directory: string, context: CallContext): Promise<Manifest> {
  const corrupt = (fact: string, cause?: unknown) => corruptFolder(directory, fact, cause)
  const text = await readText(join(directory, manifestFile), maximumManifestBytes, corrupt).catch((error: unknown) => {
    if (!isSheikhError(error, 'not-found')) throw error
    throw new SheikhError(
      'not-found',
      `Cannot use ${JSON.stringify(directory)} as a run: it has no ${manifestFile}. Name the folder that "sheikh run --until verdict --out <folder>" wrote.`,
      { facts: { directory }, cause: error },
    )
  })
  const manifest = parseManifest(parsed(text, manifestFile, corrupt))
  const evaluationPath = `evaluation/${evaluationFile}`
  for (const { path, sizeBytes } of manifest.files) {
    if (path !== recordFile && path !== evaluationPath && !path.startsWith('bundle/'))
      throw corrupt(`${JSON.stringify(path)} is not part of a run`)
    if (path === evaluationPath && sizeBytes > maximumEvaluationBytes)
      throw corrupt(`${path} has ${sizeBytes} bytes, and ${maximumEvaluationBytes} is the most`)
  }
  const [first] = (await manifestDifferences(directory, manifest, context)).filter(({ path }) => path !== manifestFile)
  if (first !== undefined) throw corrupt(describeDifference(first))
  return manifest
}

async function readText(path: string, maximumBytes: number, corrupt: Corrupt): Promise<string> {
  return withPlainFile(path, async (file) => {
    if (file.sizeBytes > maximumBytes)
      throw corrupt(`${JSON.stringify(path)} has ${file.sizeBytes} bytes, and ${maximumBytes} is the most`)
    const bytes = Buffer.alloc(file.sizeBytes)
    await readAt(file, 0, bytes)
    return bytes.toString('utf8')
  })
}

function parsed(text: string, name: string, corrupt: Corrupt): unknown {
  try {
    const value: unknown = JSON.parse(text)
    // Refuses a value that is too deep for whatever reads it later.
    canonicalJson(value)
    return value
  } catch (error) {
    throw corrupt(`${name} cannot be read as JSON (${messageOf(error).replace(/\.$/, '')})`, error)
  }
}

type Corrupt = (fact: string, cause?: unknown) => SheikhError

const corruptFolder = (directory: string, fact: string, cause?: unknown) =>
  new SheikhError(
    'artifact-corrupt',
    `Cannot use the run in ${JSON.stringify(directory)}: ${fact}. Fetch the folder again, or run again.`,
    { facts: { directory }, ...(cause !== undefined && { cause }) },
  )
