import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type CallContext, canonicalJson, isSheikhError, type Manifest, SheikhError } from '../../core/index.js'
import { makeDirectory, writeFileAtomic } from '../../store/index.js'
import {
  type Bundle,
  byVersion,
  checkedChannel,
  isVersion,
  parseVersion,
  type Release,
  type Releaser,
  type Staged,
  type StagedState,
  type StageRequest,
  tagFormat,
  type Version,
} from '../index.js'
import { downloadFile } from '../remote/index.js'
import { signatureFile } from '../signature/index.js'
import { type HubClient, type HubConnection, type HubRefs, hubClient } from './hub-client.js'
import { cardFile, encodeDocument, encodeMarks, isShared, type Marks, marksFile, releaseFile } from './hub-documents.js'
import { branchOf, type HubView, hubView, isSame, lookAndAct, marked, stagingBranch } from './hub-releases.js'
import { strangersIn } from './hub-strangers.js'
import { changesBetween, inParallel, verifyTree } from './hub-tree.js'
import { modelCard } from './model-card.js'
import { uploadBundle } from './upload-bundle.js'

export interface HuggingFaceOptions extends HubConnection {
  /** Makes the repository where it is not there. @default it must be there */
  readonly create?: 'private' | 'public' | undefined
  /** @default 'v{version}' */
  readonly tagFormat?: string | undefined
  /** The model's, as the Hub names licences: `apache-2.0`. @default the card names none */
  readonly license?: string | undefined
  /** The data's, in words. @default the card names none */
  readonly dataLicense?: string | undefined
  /** The text of `README.md`, where the bundle has none of its own. @default the card that `modelCard` writes */
  readonly card?: ((staged: Staged) => string) | undefined
  /** A file on its way to or from the Hub. */
  readonly onProgress?: ((progress: TransferProgress) => void) | undefined
}

export interface TransferProgress {
  readonly direction: 'upload' | 'download'
  readonly path: string
  /** The part that is done, 0..1. */
  readonly progress: number
}

/** Documents of releases that are read at a time. */
const parallelReads = 8

/**
 * Releases in a repository of the Hugging Face Hub. A staging is a branch of its own; its promotion is one commit on the
 * channel's branch (`main` for `latest`), and the tag of the version, which is the release. What became of releases later
 * is kept on `main`. Bytes that the Hub has are not sent again, and nothing but the bundle, its card and its record is ever
 * sent.
 *
 * @throws `invalid-options`; its methods `access-denied` and `remote-failed` too.
 */
export function huggingFaceRegistry(options: HuggingFaceOptions): Releaser {
  const format = tagFormat(options.tagFormat ?? 'v{version}')
  const { tagOf } = format
  const known = new Map<string, Release>()

  const open = (context: CallContext): HubClient => {
    context.signal.throwIfAborted()
    return hubClient(options, context)
  }
  const look = async (client: HubClient) => hubView(client, await client.refs(), format, known)

  /** Of a repository that is still to be made there is nothing to see. */
  async function lookIfThere(client: HubClient): Promise<HubView> {
    const nothing: HubRefs = { branches: new Map(), tags: new Map() }
    try {
      return await look(client)
    } catch (error) {
      if (!isSheikhError(error, 'not-found') || options.create === undefined) throw error
      return hubView(client, nothing, format, known)
    }
  }

  /** Where a promotion commits. Without a channel, or where its branch is still to be made, the tag alone shows the release. */
  const targetOf = ({ refs }: HubView, staged: Staged) => {
    const { channel } = staged.intent
    const branch = channel === undefined ? undefined : branchOf(checkedChannel(channel))
    return branch !== undefined && refs.branches.has(branch) ? branch : stagingBranch(staged)
  }

  /** The commit of a promotion that began. */
  async function committed(view: HubView, staged: Staged): Promise<string | undefined> {
    for (const branch of new Set([stagingBranch(staged), targetOf(view, staged)])) {
      const there = await view.releaseOn(branch)
      if (there !== undefined && isSame(there, staged)) return view.refs.branches.get(branch)
    }
    return undefined
  }

  /** One commit after which the branch holds the files that stand at `from`, and nothing else. @returns the commit. */
  async function commitRelease(
    client: HubClient,
    view: HubView,
    { branch, from, release, title }: { branch: string; from: string; release: Release; title: string },
  ): Promise<string> {
    const parent = view.refs.branches.get(branch)!
    const hasCard = release.manifest.files.some(({ path }) => path === cardFile)
    const card = hasCard ? undefined : await client.read(from, cardFile)
    const documents = documentsOf(release)
    if (card !== undefined) documents.set(cardFile, card)
    const source = { revision: from, manifest: release.manifest }
    const changes = await changesBetween(client, source, await client.files(parent), documents)
    return await client.commit({ branch, title, parent, changes })
  }

  /** Writes down what became of a release. */
  const mark = (client: HubClient, version: string, title: string, change: (marks: Marks) => Marks | undefined) =>
    lookAndAct(
      () => look(client),
      async (view) => {
        if (!isVersion(version) || (await view.releaseTagged(version)) === undefined) throw notFound(version)
        const marks = change(await view.marks())
        const parent = view.refs.branches.get('main')
        if (marks === undefined || parent === undefined) return
        const changes = [{ kind: 'file', path: marksFile, content: encodeMarks(marks) } as const]
        await client.commit({ branch: 'main', title, parent, changes })
      },
    )

  /** The commit to begin a staging from: of what is there already, nothing is sent again. */
  async function startOf(
    client: HubClient,
    { files }: Manifest,
  ): Promise<{ readonly view: HubView; readonly main: string }> {
    let view = await lookIfThere(client)
    if (view.refs.branches.size === 0 && options.create !== undefined) {
      await client.createRepository(options.create)
      view = await look(client)
    }
    const main = view.refs.branches.get('main')
    if (main === undefined)
      throw new SheikhError(
        'release-rejected',
        `Cannot release to ${client.repository}: it has no branch "main". Add a file to it on the Hub, and run again.`,
      )
    // A tag that looks like a version may be of somebody's own.
    for (const version of view.versions) if ((await view.releaseTagged(version)) !== undefined) return { view, main }
    if ((await view.releaseAt(main)) !== undefined) return { view, main }
    const kept = new Set(files.map(({ path }) => path))
    const foreign = (await client.files(main))
      .map(({ path }) => path)
      .filter((path) => !isShared(path) && path !== cardFile && !kept.has(path))
    if (foreign.length > 0)
      throw new SheikhError(
        'release-rejected',
        `Cannot release to ${client.repository}: it holds ${foreign.length} files of no release (${foreign.slice(0, 3).join(', ')}), which a release would remove. Move them to a branch, or name another repository.`,
        { facts: { paths: foreign.slice(0, 100) } },
      )
    return { view, main }
  }

  async function stage(client: HubClient, { bundle, version, intent, record }: StageRequest): Promise<Staged> {
    const { manifest, digest, directory } = bundle
    const reserved = manifest.files.find(({ path }) =>
      [releaseFile, marksFile, signatureFile, '.gitattributes'].includes(path),
    )
    if (reserved !== undefined)
      throw new SheikhError(
        'release-rejected',
        `Cannot release the bundle to ${client.repository}: "${reserved.path}" is the registry's own file there. Save it under another name.`,
      )
    const staged: Staged = { formatVersion: 1, version, bundle: digest, manifest, intent, record }
    const branch = stagingBranch(staged)
    const { view, main } = await startOf(client, manifest)
    const taken = await view.releaseTagged(version)
    if (taken !== undefined && taken.bundle !== digest) throw versionTaken(version)
    if (taken === undefined && view.refs.tags.has(tagOf(version))) throw versionTaken(version)
    for (const other of view.stagingBranches)
      if (other !== branch && (await view.stagedOn(other)) === undefined) await client.deleteBranch(other)
    const there = await view.stagedOn(branch)
    if (there !== undefined && canonicalJson(there) === canonicalJson(staged)) return staged
    const documents = documentsOf(staged)
    if (!manifest.files.some(({ path }) => path === cardFile))
      documents.set(cardFile, new TextEncoder().encode((options.card ?? cardOf)(staged)))
    const title = `Stage ${tagOf(version)}`
    const from = directory === undefined ? await heldIn(client, view, digest) : undefined
    await client.resetBranch(branch, main)
    if (directory !== undefined)
      await uploadBundle(
        client,
        { branch, parent: main, title, bundle: { digest, manifest, directory }, documents },
        ({ state, path, progress }) => {
          if (state === 'uploading') options.onProgress?.({ direction: 'upload', path, progress })
        },
      )
    else {
      const changes = await changesBetween(client, { revision: from!, manifest }, await client.files(main), documents)
      await client.commit({ branch, title, parent: main, changes })
    }
    return staged
  }

  /** A commit that holds the bundle. @throws `not-found`. */
  async function heldIn(client: HubClient, view: HubView, bundle: string): Promise<string> {
    const { removals } = await view.marks()
    for (const version of view.versions)
      if (!removals.has(version) && (await view.releaseTagged(version))?.bundle === bundle)
        return view.commitOf(version)!
    throw new SheikhError('not-found', `No release in ${client.repository} has the bundle ${bundle}.`)
  }

  const cardOf = (staged: Staged) => modelCard(staged, { ...options, tag: tagOf(staged.version) })

  async function releasesOf(view: HubView): Promise<readonly Release[]> {
    const releases = await inParallel(view.versions, parallelReads, (version) => view.releaseTagged(version))
    return releases.flatMap((release) => release ?? []).sort(byVersion)
  }

  async function channelsOf(view: HubView): Promise<Readonly<Record<string, Version>>> {
    const branches = [...view.refs.branches.keys()].filter((branch) => !view.stagingBranches.includes(branch))
    const found: Record<string, Version> = {}
    for (const branch of branches) {
      const version = (await view.releaseOn(branch))?.version
      if (version !== undefined) found[branch === 'main' ? 'latest' : branch] = version
    }
    return found
  }

  return {
    contract: 1,
    name: 'huggingface',
    version: '1',
    describe: () => ({
      repository: options.repository,
      endpoint: options.endpoint ?? null,
      tagFormat: options.tagFormat ?? null,
    }),

    async current(channel, context) {
      const view = await lookIfThere(open(context))
      const release = await view.releaseOn(branchOf(checkedChannel(channel)))
      return release && marked(release, await view.marks())
    },

    async channels(context) {
      return await channelsOf(await lookIfThere(open(context)))
    },

    async *history(context) {
      const view = await lookIfThere(open(context))
      const releases = await releasesOf(view)
      if (releases.length === 0) return
      const marks = await view.marks()
      for (const release of releases) yield marked(release, marks)
    },

    async *strangers(context) {
      const client = open(context)
      yield* strangersIn(client, await lookIfThere(client), format)
    },

    async stage(request, context) {
      parseVersion(request.version)
      return await stage(open(context), request)
    },

    async *staged(context): AsyncIterable<StagedState> {
      const view = await lookIfThere(open(context))
      for (const branch of view.stagingBranches) {
        const staged = await view.stagedOn(branch)
        if (staged === undefined) continue
        const isTagged = view.commitOf(staged.version) !== undefined
        yield { staged, promoting: !isTagged && (await committed(view, staged)) !== undefined }
      }
    },

    async verify(staged, context) {
      const client = open(context)
      const view = await look(client)
      if ((await view.stagedOn(stagingBranch(staged))) === undefined) throw notStaged(staged.version)
      await verifyTree(client, view.refs.branches.get(stagingBranch(staged))!, staged.manifest)
    },

    async promote(staged, context) {
      const client = open(context)
      const title = `Release ${tagOf(staged.version)}`
      const promoted = { ...staged, promotedAtMs: context.clock.nowMs() }
      await lookAndAct(
        () => look(client),
        async (view) => {
          if (view.commitOf(staged.version) !== undefined) return
          const from = view.refs.branches.get(stagingBranch(staged))
          if (from === undefined || (await view.stagedOn(stagingBranch(staged))) === undefined)
            throw notStaged(staged.version)
          const commit =
            (await committed(view, staged)) ??
            (await commitRelease(client, view, { branch: targetOf(view, staged), from, release: promoted, title }))
          // Read back where readers will find it: a person may have committed since.
          await verifyTree(client, commit, staged.manifest)
          await client.createTag(tagOf(staged.version), commit, title)
        },
      )
      const release = await (await look(client)).releaseTagged(staged.version)
      if (release === undefined || !isSame(release, staged)) throw versionTaken(staged.version)
      await client.deleteBranch(stagingBranch(staged))
      return release
    },

    async point(channel, version, expected, context) {
      const client = open(context)
      const branch = branchOf(checkedChannel(channel))
      await lookAndAct(
        () => look(client),
        async (view) => {
          const release = isVersion(version) ? await view.releaseTagged(version) : undefined
          if (release === undefined) throw notFound(version)
          const there = (await view.releaseOn(branch))?.version
          if (there === version) return
          const moved = () =>
            new SheikhError(
              'release-conflict',
              `Cannot point "${channel}" at ${version}: it points at ${there ?? 'nothing'} and no longer at ${expected ?? 'nothing'}. Run again.`,
              { facts: { channel, version, expected }, retryable: true },
            )
          if (there !== expected) throw moved()
          const from = view.commitOf(version)!
          if (!view.refs.branches.has(branch)) {
            if (!(await client.createBranch(branch, from))) throw moved()
            return
          }
          const title = `Point ${channel} at ${tagOf(version)}`
          await commitRelease(client, view, { branch, from, release, title })
        },
      )
    },

    async discard(staged, context) {
      await open(context).deleteBranch(stagingBranch(staged))
    },

    async withdraw(version, reason, context) {
      await mark(open(context), version, `Withdraw ${version}`, ({ withdrawals, removals }) =>
        withdrawals.has(version)
          ? undefined
          : { removals, withdrawals: new Map(withdrawals).set(version, { reason, atMs: context.clock.nowMs() }) },
      )
    },

    async remove(version, context) {
      const client = open(context)
      const view = await look(client)
      if (Object.values(await channelsOf(view)).includes(version)) throw pointedAt(version)
      await mark(client, version, `Remove the files of ${version}`, ({ withdrawals, removals }) =>
        removals.has(version)
          ? undefined
          : { withdrawals, removals: new Map(removals).set(version, { atMs: context.clock.nowMs() }) },
      )
      const { removals } = await (await look(client)).marks()
      const releases = await releasesOf(view)
      const stagings = await inParallel(view.stagingBranches, parallelReads, (branch) => view.stagedOn(branch))
      const kept = [...releases.filter((release) => !removals.has(release.version)), ...stagings]
      const used = new Set(kept.flatMap((one) => (one?.manifest.files ?? []).map(({ digest }) => digest)))
      const { manifest } = releases.find((release) => release.version === version)!
      await client.deleteLargeFiles(manifest.files.map(({ digest }) => digest).filter((digest) => !used.has(digest)))
    },

    async open(version, directory, context): Promise<Bundle> {
      const client = open(context)
      const view = await lookIfThere(client)
      const release = isVersion(version) ? await view.releaseTagged(version) : undefined
      if (release === undefined || (await view.marks()).removals.has(version)) throw notFound(version)
      await makeDirectory(directory)
      if ((await readdir(directory)).length > 0)
        throw new SheikhError(
          'invalid-options',
          `Cannot open ${version} into "${directory}": the folder is not empty. Name an empty one.`,
        )
      const revision = view.commitOf(version)!
      for (const file of release.manifest.files) {
        const target = join(directory, file.path)
        const onProgress = (receivedBytes: number) =>
          options.onProgress?.({ direction: 'download', path: file.path, progress: receivedBytes / file.sizeBytes })
        const request = () => client.fileRequest(revision, file.path)
        // A range of nothing is an error to a server.
        if (file.sizeBytes === 0) await writeFileAtomic(target, '')
        else await downloadFile({ fetch: client.streamingFetch, request, file, target, onProgress }, context)
      }
      return { digest: release.bundle, manifest: release.manifest, directory }
    },
  }
}

/** What stands beside the bundle. */
function documentsOf(staged: Staged): Map<string, Uint8Array> {
  const { attestation } = staged.record
  const documents = new Map([[releaseFile, encodeDocument(staged)]])
  if (attestation !== undefined) documents.set(signatureFile, new TextEncoder().encode(attestation.signature))
  return documents
}

const notStaged = (version: string) =>
  new SheikhError(
    'artifact-corrupt',
    `Cannot use the staging of ${version}: the Hub does not hold it, or not whole. Run again.`,
    { facts: { version } },
  )
const versionTaken = (version: string) =>
  new SheikhError(
    'release-conflict',
    `Cannot release ${version}: the version is taken by another release. Run again, for the next one.`,
    { facts: { version }, retryable: true },
  )
const notFound = (version: string) =>
  new SheikhError('not-found', `There is no release ${version} in the registry.`, { facts: { version } })
const pointedAt = (version: string) =>
  new SheikhError(
    'release-conflict',
    `Cannot remove ${version}: a channel points at it. Point the channel elsewhere.`,
    {
      facts: { version },
    },
  )
