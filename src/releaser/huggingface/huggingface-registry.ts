import { join } from 'node:path'
import { type CallContext, inParallel, isSheikhError } from '../../core/index.js'
import { makeEmptyFolder } from '../../store/index.js'
import {
  type Bundle,
  byVersion,
  checkedChannel,
  isVersion,
  notFound,
  type PendingRelease,
  type PendingState,
  parseVersion,
  pointedAt,
  type Release,
  type Releaser,
  tagFormat,
  unlessDamaged,
  type Version,
} from '../index.js'
import { hubClient } from './hub-client.js'
import { checkConnection, type HubConnection } from './hub-connection.js'
import { encodeMarks, type Marks, marksFile } from './hub-documents.js'
import { notPending } from './hub-errors.js'
import { branchOf, type HubCall, type HubView, hubView, lookAndAct, marked, pendingBranch } from './hub-releases.js'
import { verifyTree } from './hub-tree.js'
import { unexplainedIn } from './hub-unexplained.js'
import { modelCard } from './model-card.js'
import { pointBranch } from './point-branch.js'
import { prepareRelease } from './prepare-release.js'
import { publicationOf, publishRelease } from './publish-release.js'

export interface HuggingFaceOptions extends HubConnection {
  /** Creates the repository if it does not exist. @default it must exist */
  readonly create?: 'private' | 'public' | undefined
  /** How tags are named. @default 'v{version}' */
  readonly tagFormat?: string | undefined
  /** The licence of the model, as the Hub names licences: `apache-2.0`. @default the card names none */
  readonly license?: string | undefined
  /** The licence of the data, as free text. @default the card names none */
  readonly dataLicense?: string | undefined
  /** The name of the model, used as the heading of the card. @default the repository's name */
  readonly modelName?: string | undefined
  /** Returns the text of `README.md` if the bundle has none. @default `modelCard` */
  readonly card?: ((pending: PendingRelease) => string) | undefined
  /** Reports the progress of a file that is uploaded or downloaded. */
  readonly onProgress?: ((progress: TransferProgress) => void) | undefined
}

export interface TransferProgress {
  readonly direction: 'upload' | 'download'
  readonly path: string
  /** The completed share, 0..1. */
  readonly progress: number
}

/** The number of release documents that are read in parallel. */
const parallelReads = 8

/** The number of files that are downloaded in parallel, each in several ranges. */
const parallelFiles = 4

/**
 * A registry in a repository of the Hugging Face Hub. A pending release is a branch of its own. Publication adds one commit to
 * the channel's branch (`main` for `latest`) and the tag of the version, which is the release. Withdrawals and removals are
 * recorded on `main`. Only the bundle, its card and its record are uploaded, and no file that the Hub already has.
 *
 * @throws `invalid-options`; its methods also throw `access-denied` and `remote-failed`.
 */
export function huggingFaceRegistry(options: HuggingFaceOptions): Releaser {
  checkConnection(options)
  const format = tagFormat(options.tagFormat ?? 'v{version}')
  const { tagOf } = format
  const known = new Map<string, Release>()

  const open = (context: CallContext): HubCall => {
    context.signal.throwIfAborted()
    const client = hubClient(options, context)
    return { client, log: context.log, tagOf, look: async () => hubView(client, await client.refs(), format, known) }
  }

  /** A repository that does not exist yet has no state. */
  async function lookIfThere({ client, log, look }: HubCall): Promise<HubView> {
    try {
      return await look()
    } catch (error) {
      // Without a token, the Hub answers for a missing repository as for a private one.
      const isUnknown = isSheikhError(error, 'access-denied') && !options.token
      if (options.create === undefined || !(isUnknown || isSheikhError(error, 'not-found'))) throw error
      if (isUnknown)
        log.warn(
          `${options.repository} is taken as not created yet. If it is private, set HF_TOKEN to a token that can read it.`,
        )
      return hubView(client, { branches: new Map(), tags: new Map() }, format, known)
    }
  }

  const card = (pending: PendingRelease) =>
    options.card?.(pending) ?? modelCard(pending, { ...options, tag: tagOf(pending.version) })

  /** Records a withdrawal or removal. */
  const mark = (
    { client, look }: HubCall,
    version: string,
    title: string,
    change: (marks: Marks) => Marks | undefined,
  ) =>
    lookAndAct(look, async (view) => {
      if (!isVersion(version) || (await view.releaseTagged(version)) === undefined) throw notFound(version)
      const marks = change(await view.marks())
      const parent = view.refs.branches.get('main')
      if (marks === undefined || parent === undefined) return
      const changes = [{ kind: 'file', path: marksFile, content: encodeMarks(marks) } as const]
      await client.commit({ branch: 'main', title, parent, changes })
    })

  async function releasesOf(view: HubView): Promise<readonly Release[]> {
    const tagged = await inParallel(view.versions, parallelReads, (version) => view.releaseTagged(version))
    const releases = new Map(tagged.flatMap((release) => (release === undefined ? [] : [[release.version, release]])))
    for (const { release } of await view.releasesOnBranches())
      if (!releases.has(release.version)) releases.set(release.version, release)
    return [...releases.values()].sort(byVersion)
  }

  async function channelsOf(view: HubView): Promise<Readonly<Record<string, Version>>> {
    const branches = [...view.refs.branches.keys()].filter((branch) => !view.pendingBranches.includes(branch))
    const found: Record<string, Version> = {}
    for (const branch of branches) {
      const version = (await view.releaseOn(branch))?.version
      if (version !== undefined) found[branch === 'main' ? 'latest' : branch] = version
    }
    return found
  }

  /** A release and the commit with its files. */
  async function standing(view: HubView, version: Version) {
    const release = await view.releaseTagged(version)
    if (release !== undefined) return { release, commit: view.commitOf(version)! }
    return (await view.releasesOnBranches()).find((one) => one.release.version === version)
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

    async *unexplained(context) {
      const call = open(context)
      yield* unexplainedIn(call.client, await lookIfThere(call), format)
    },

    async prepare(request, context) {
      parseVersion(request.version)
      const call = open(context)
      const { refs } = await lookIfThere(call)
      if (refs.branches.size === 0 && options.create !== undefined) await call.client.createRepository(options.create)
      const onProgress = (path: string, progress: number) =>
        options.onProgress?.({ direction: 'upload', path, progress })
      return await prepareRelease(call, request, { card, onProgress })
    },

    async *pending(context): AsyncIterable<PendingState> {
      const call = open(context)
      const view = await lookIfThere(call)
      for (const branch of view.pendingBranches) {
        const pending = await unlessDamaged(view.pendingOn(branch), context)
        if (pending === undefined) continue
        const isTagged = view.commitOf(pending.version) !== undefined
        yield { pending, publishing: !isTagged && (await publicationOf(call, view, pending)) !== undefined }
      }
    },

    async verify(pending, context) {
      const { client, look } = open(context)
      const view = await look()
      const branch = pendingBranch(pending)
      const head = view.refs.branches.get(branch)
      if (head === undefined || (await view.pendingOn(branch)) === undefined) throw notPending(pending.version, head)
      await verifyTree(client, head, pending.manifest)
    },

    async publish(pending, context) {
      return await publishRelease(open(context), pending, context.clock.nowMs())
    },

    async point(channel, version, expected, context) {
      await pointBranch(open(context), { channel: checkedChannel(channel), version, expected })
    },

    async discard(pending, context) {
      await open(context).client.deleteBranch(pendingBranch(pending))
    },

    async withdraw(version, reason, context) {
      await mark(open(context), version, `Withdraw ${version}`, ({ withdrawals, removals }) =>
        withdrawals.has(version)
          ? undefined
          : { removals, withdrawals: new Map(withdrawals).set(version, { reason, atMs: context.clock.nowMs() }) },
      )
    },

    async remove(version, context) {
      const call = open(context)
      const view = await call.look()
      if (Object.values(await channelsOf(view)).includes(version)) throw pointedAt(version)
      await mark(call, version, `Remove the files of ${version}`, ({ withdrawals, removals }) =>
        removals.has(version)
          ? undefined
          : { withdrawals, removals: new Map(removals).set(version, { atMs: context.clock.nowMs() }) },
      )
      const { removals } = await (await call.look()).marks()
      const releases = await releasesOf(view)
      const pendingReleases = await inParallel(view.pendingBranches, parallelReads, (branch) => view.pendingOn(branch))
      const kept = [...releases.filter((release) => !removals.has(release.version)), ...pendingReleases]
      const used = new Set(kept.flatMap((one) => (one?.manifest.files ?? []).map(({ digest }) => digest)))
      const { manifest } = releases.find((release) => release.version === version)!
      const unused = manifest.files.map(({ digest }) => digest).filter((digest) => !used.has(digest))
      await call.client.deleteLargeFiles(unused)
    },

    async open(version, directory, context): Promise<Bundle> {
      const call = open(context)
      const view = await lookIfThere(call)
      const found = isVersion(version) ? await standing(view, version) : undefined
      if (found === undefined || (await view.marks()).removals.has(version)) throw notFound(version)
      const { release, commit } = found
      await makeEmptyFolder(directory, `open ${version} into`)
      await inParallel(release.manifest.files, parallelFiles, async (file) => {
        const { path, sizeBytes } = file
        await call.client.download(commit, file, join(directory, path), (receivedBytes) =>
          options.onProgress?.({ direction: 'download', path, progress: receivedBytes / sizeBytes }),
        )
      })
      return { digest: release.bundle, manifest: release.manifest, directory }
    },
  }
}
