import { canonicalJson, isSheikhError, type Manifest, SheikhError } from '../../core/index.js'
import { type PendingRelease, type PrepareRequest, pendingOf, versionTaken } from '../index.js'
import { signatureFile } from '../signature/index.js'
import { cardFile, documentsOf, isShared, marksFile, releaseFile } from './hub-documents.js'
import { tagTaken } from './hub-errors.js'
import { type HubCall, type HubView, lookAndAct, pendingBranch } from './hub-releases.js'
import { changesBetween } from './hub-tree.js'
import { uploadBundle } from './upload-bundle.js'

export interface PrepareOptions {
  /** Returns the text of `README.md` if the bundle has none. */
  readonly card: (pending: PendingRelease) => string
  readonly onProgress: (path: string, progress: number) => void
}

/** Creates a branch that starts at `main`, so that files on `main` are not uploaded again. */
export async function prepareRelease(
  { client, look, tagOf }: HubCall,
  request: PrepareRequest,
  { card, onProgress }: PrepareOptions,
): Promise<PendingRelease> {
  const { manifest, digest, directory } = request.bundle
  checkNames(client.repository, manifest)
  const pending = pendingOf(request)
  const { version } = pending
  const branch = pendingBranch(pending)
  const title = `Stage ${tagOf(version)}`
  const documents = documentsOf(pending)
  if (!manifest.files.some(({ path }) => path === cardFile))
    documents.set(cardFile, new TextEncoder().encode(card(pending)))
  return lookAndAct(look, async (view) => {
    const parent = await startOf(client, view, manifest)
    const taken = await view.releaseTagged(version)
    if (taken !== undefined && taken.bundle !== digest) throw versionTaken(version)
    const tagged = view.commitOf(version)
    if (taken === undefined && tagged !== undefined) throw tagTaken(version, tagOf(version), tagged)
    // The remains of an interrupted upload. They were never complete.
    for (const other of view.pendingBranches)
      if (other !== branch && (await pendingAt(view, other)) === undefined) await client.deleteBranch(other)
    const there = await pendingAt(view, branch)
    if (there !== undefined && canonicalJson(there) === canonicalJson(pending)) return pending
    const from = directory === undefined ? await heldIn(view, client.repository, digest) : undefined
    await client.resetBranch(branch, parent)
    if (directory !== undefined)
      await uploadBundle(
        client,
        { branch, parent, title, bundle: { digest, manifest, directory }, documents },
        ({ path, progress }) => onProgress(path, progress),
      )
    else {
      const changes = await changesBetween(client, { revision: from!, manifest }, await client.files(parent), documents)
      await client.commit({ branch, title, parent, changes })
    }
    return pending
  })
}

/** A damaged record stays on its branch: a later version of this program may have written it. */
async function pendingAt(view: HubView, branch: string): Promise<PendingRelease | 'damaged' | undefined> {
  try {
    return await view.pendingOn(branch)
  } catch (error) {
    if (isSheikhError(error, 'artifact-corrupt')) return 'damaged'
    throw error
  }
}

function checkNames(repository: string, { files }: Manifest): void {
  const reserved = files.find(({ path }) => [releaseFile, marksFile, signatureFile, '.gitattributes'].includes(path))
  if (reserved === undefined) return
  throw new SheikhError(
    'release-rejected',
    `Cannot release the bundle to ${repository}: the registry reserves the file name "${reserved.path}". Save the file under another name.`,
  )
}

/** The commit that a pending release starts from. @throws `release-rejected` if the first release would remove other files. */
async function startOf({ repository, files }: HubCall['client'], view: HubView, manifest: Manifest): Promise<string> {
  const main = view.refs.branches.get('main')
  if (main === undefined)
    throw new SheikhError(
      'release-rejected',
      `Cannot release to ${repository}: it has no branch "main". Add a file to it on the Hub, and run again.`,
    )
  // People may have created a tag that looks like a version.
  for (const version of view.versions) if ((await view.releaseTagged(version)) !== undefined) return main
  if ((await view.releaseAt(main)) !== undefined) return main
  const kept = new Set(manifest.files.map(({ path }) => path))
  const foreign = (await files(main))
    .map(({ path }) => path)
    .filter((path) => !isShared(path) && path !== cardFile && !kept.has(path))
  if (foreign.length === 0) return main
  throw new SheikhError(
    'release-rejected',
    `Cannot release to ${repository}: a release would remove ${foreign.length} files that belong to no release (${foreign.slice(0, 3).join(', ')}). Move them to a branch, or choose another repository.`,
    { facts: { paths: foreign.slice(0, 100) } },
  )
}

/** A commit that contains the bundle. @throws `not-found`. */
async function heldIn(view: HubView, repository: string, bundle: string): Promise<string> {
  const { removals } = await view.marks()
  for (const version of view.versions)
    if (!removals.has(version) && (await view.releaseTagged(version))?.bundle === bundle) return view.commitOf(version)!
  throw new SheikhError(
    'not-found',
    `Cannot reuse the bundle ${bundle}: no release in ${repository} has it. Prepare the release with a directory.`,
  )
}
