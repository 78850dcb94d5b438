import { checkedChannel, type PendingRelease, type Release, versionTaken } from '../index.js'
import type { HubFile } from './hub-client.js'
import { cardFile, documentsOf, isOurs, isShared } from './hub-documents.js'
import { notPending, tagTaken } from './hub-errors.js'
import { branchOf, type HubCall, type HubView, isSame, lookAndAct, pendingBranch } from './hub-releases.js'
import { changesBetween, verifyTree } from './hub-tree.js'

/** Adds one commit to the channel's branch, then the tag, which is the release. Continues after an interruption between the two. */
export async function publishRelease(call: HubCall, pending: PendingRelease, publishedAtMs: number): Promise<Release> {
  const { client, look, tagOf } = call
  const { version } = pending
  const tag = tagOf(version)
  await lookAndAct(look, async (view) => {
    if (view.commitOf(version) !== undefined) return
    const from = view.refs.branches.get(pendingBranch(pending))
    if (from === undefined || (await view.pendingOn(pendingBranch(pending))) === undefined)
      throw notPending(version, from)
    const commit =
      (await publicationOf(call, view, pending)) ??
      (await commitPublication(call, view, { pending, from, publishedAtMs }))
    await verifyTree(client, commit, pending.manifest)
    await client.createTag(tag, commit, `Release ${tag}`)
  })
  const view = await look()
  const release = await view.releaseTagged(version)
  if (release === undefined) throw tagTaken(version, tag, view.commitOf(version) ?? '')
  if (!isSame(release, pending)) throw versionTaken(version)
  await client.deleteBranch(pendingBranch(pending))
  return release
}

/** The commit of a publication that has started, even if people have committed since. */
export async function publicationOf(
  { client }: HubCall,
  view: HubView,
  pending: PendingRelease,
): Promise<string | undefined> {
  for (const branch of new Set([pendingBranch(pending), channelBranch(view, pending)])) {
    const there = await view.releaseOn(branch)
    if (there === undefined || !isSame(there, pending)) continue
    let first: string | undefined
    for await (const { id } of client.commits(branch)) {
      const release = await view.releaseAt(id)
      if (release === undefined || !isSame(release, pending)) break
      first = id
    }
    return first
  }
  return undefined
}

/** The channel's branch. Without a channel, or before its branch exists, the tag alone shows the release. */
function channelBranch({ refs }: HubView, pending: PendingRelease): string {
  const { channel } = pending.postPublish
  const branch = channel === undefined ? undefined : branchOf(checkedChannel(channel))
  return branch !== undefined && refs.branches.has(branch) ? branch : pendingBranch(pending)
}

async function commitPublication(
  call: HubCall,
  view: HubView,
  { pending, from, publishedAtMs }: { pending: PendingRelease; from: string; publishedAtMs: number },
): Promise<string> {
  const channel = channelBranch(view, pending)
  // If two runs publish the same version, the later one fails before it shows anything, as long as the other can still finish.
  const there = await view.releaseOn(channel)
  const theirs = there?.version === pending.version ? await view.pendingOn(pendingBranch(there)) : undefined
  if (theirs !== undefined && isSame(theirs, there!)) throw versionTaken(pending.version)
  // A channel that has moved since the decision does not move: the parent of the commit is the state read here.
  const { replaces } = pending.postPublish
  const isMoved = replaces !== undefined && there !== undefined && there.version !== replaces
  const branch = isMoved ? pendingBranch(pending) : channel
  // Checked before anything is visible: readers of the branch see the release as soon as its commit exists.
  await verifyTree(call.client, from, pending.manifest)
  const release = { ...pending, publishedAtMs }
  return commitRelease(call, view, { branch, from, release, title: `Release ${call.tagOf(pending.version)}` })
}

/** Creates a commit after which the branch has exactly the files of `from`. @returns the commit. */
export async function commitRelease(
  call: HubCall,
  view: HubView,
  { branch, from, release, title }: { branch: string; from: string; release: Release; title: string },
): Promise<string> {
  const { client } = call
  const parent = view.refs.branches.get(branch)!
  const hasCard = release.manifest.files.some(({ path }) => path === cardFile)
  const card = hasCard ? undefined : await client.read(from, cardFile)
  const documents = documentsOf(release)
  if (card !== undefined) documents.set(cardFile, card)
  const held = await client.files(parent)
  await tellWhatGoes(call, view, { branch, parent, held, release })
  const changes = await changesBetween(client, { revision: from, manifest: release.manifest }, held, documents)
  return client.commit({ branch, title, parent, changes })
}

/** Readers must not load a mixture. Files that people added are removed with a warning and remain in the history. */
async function tellWhatGoes(
  { client, log }: HubCall,
  view: HubView,
  { branch, parent, held, release }: { branch: string; parent: string; held: readonly HubFile[]; release: Release },
): Promise<void> {
  const there = await view.releaseAt(parent)
  const tagged = there && view.commitOf(there.version)
  if (tagged === parent) return
  const released = new Set([...(there?.manifest.files ?? []), ...release.manifest.files].map(({ path }) => path))
  const foreign = held.map(({ path }) => path).filter((path) => !released.has(path) && !isOurs(path) && !isShared(path))
  const cardOf = (files: readonly HubFile[]) => files.find(({ path }) => path === cardFile)?.oid
  const isEdited = cardOf(held) !== cardOf(tagged === undefined ? [] : await client.files(tagged))
  const paths = [...foreign, ...(isEdited ? [cardFile] : [])]
  if (paths.length > 0)
    log.warn(
      `The release replaces files that were changed on ${branch} of ${client.repository}: ${paths.slice(0, 5).join(', ')}${paths.length > 5 ? ', …' : ''}. They remain in the history at ${parent}.`,
    )
}
