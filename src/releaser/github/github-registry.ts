import { type CallContext, canonicalJson, type Digest, isSheikhError } from '../../core/index.js'
import { makeEmptyFolder } from '../../store/index.js'
import {
  checkedChannel,
  compareVersions,
  isVersion,
  notFound,
  type PendingRelease,
  pendingGone,
  pointedAt,
  type Release,
  type Releaser,
  tagFormat as tagFormatOf,
  versionTaken,
} from '../index.js'
import type { Fetch, RetryOptions } from '../remote/index.js'
import { type Channels, openChannels } from './channels.js'
import { checkOptions } from './check-options.js'
import { checkBytes, fetchFiles } from './fetch-assets.js'
import { type GitHubApi, githubApi, type ReleaseJson } from './github-api.js'
import { type Found, planRemoval } from './plan-removal.js'
import { isPrerelease, prepareRelease } from './prepare-release.js'
import { publishRelease } from './publish-release.js'
import { isSameKey, pendingKeyOf, type ReleaseDocument, readMarker } from './release-document.js'
import { markLatest, tellWithdrawn } from './release-page.js'
import { dropTag, readTag } from './release-tag.js'
import {
  type Documents,
  findAssets,
  findDraft,
  findPublished,
  type KnownDrafts,
  listAssets,
  listDrafts,
  listReleases,
  notHeld,
  partsOf,
  readDocument,
  wholeDraft,
} from './releases.js'
import type { AssetProgress } from './send-assets.js'
import { unexplainedIn } from './unexplained.js'

export interface GitHubRegistryOptions {
  /** `owner/name`. */
  readonly repository: string
  /** A token with write access to contents. Reading a public repository needs none. */
  readonly token?: string | undefined
  /** The API address. For an Enterprise Server: `https://host/api/v3`. @default 'https://api.github.com' */
  readonly baseUrl?: string | undefined
  /** How tags are named. @default 'v{version}' */
  readonly tagFormat?: string | undefined
  /** The `fetch` function to use. @default the platform's */
  readonly fetch?: Fetch | undefined
  readonly patience?: RetryOptions | undefined
  /** Larger files are split into several assets. @default 2 GiB - 1, GitHub's own limit */
  readonly assetLimitBytes?: number | undefined
  /** Reports each uploaded asset and each downloaded piece. */
  readonly onProgress?: ((progress: AssetProgress) => void) | undefined
}

const defaultTagFormat = 'v{version}'
/** The number of releases that are read in parallel, newest first. */
const readAtOnce = 8
/** Part sizes are multiples of this, so that no download range crosses a part boundary. */
const partUnit = 32 << 20

/**
 * A registry on GitHub Releases. Each release is a tag and a GitHub release with the bundle's files and `sheikh-release.json` as
 * assets. A pending release is a draft. Channels and withdrawals are files on the branch `sheikh-registry`.
 *
 * @throws `invalid-options` for an invalid repository, token or tag format.
 */
export function githubRegistry(options: GitHubRegistryOptions): Releaser {
  const { repository, token, baseUrl = 'https://api.github.com', assetLimitBytes = 2 ** 31 - 1, onProgress } = options
  const { tagFormat = defaultTagFormat } = options
  checkOptions({ repository, token, baseUrl, assetLimitBytes })
  const format = tagFormatOf(tagFormat)
  const partBytes = assetLimitBytes < partUnit ? assetLimitBytes : assetLimitBytes - (assetLimitBytes % partUnit)
  // Projects in the same repository are separate: their tags and their folders differ.
  const folder = tagFormat === defaultTagFormat ? '' : `${tagFormat.replace('{version}', '@')}/`
  const documents: Documents = new Map()
  const blobs = new Map<string, string>()
  const drafts: KnownDrafts = new Map()

  const connect = (context: CallContext): GitHubApi => {
    context.signal.throwIfAborted()
    const fetch: Fetch = options.fetch ?? ((input, init) => globalThis.fetch(input, init))
    return githubApi({ repository, token, baseUrl, fetch, patience: options.patience }, context)
  }
  const channelsOf = (api: GitHubApi) => openChannels(api, folder, blobs)

  /** A published release of this project. */
  async function find(api: GitHubApi, version: string): Promise<Found | undefined> {
    const release = isVersion(version) ? await findPublished(api, format.tagOf(version)) : undefined
    const document = release && (await readDocument(api, release, documents))
    return release && document && { release, document: checkVersion(document, version) }
  }

  async function releaseOf({ release, document }: Found, channels: Channels): Promise<Release> {
    const { publishedAtMs } = readMarker(release.body) ?? {}
    return {
      ...document.pending,
      // Anybody who may release can also edit the notes.
      publishedAtMs: publishedAtMs ?? Date.parse(release.published_at ?? ''),
      ...(await channels.marks(document.pending.version)),
    }
  }

  /** The releases of this project, highest version first. */
  async function* published(api: GitHubApi): AsyncGenerator<Found> {
    const versions = (await listReleases(api)).flatMap((release) => {
      const version = release.draft ? undefined : format.versionOf(release.tag_name)
      return version === undefined ? [] : [{ release, version }]
    })
    versions.sort((one, other) => compareVersions(other.version, one.version))
    while (versions.length > 0)
      for (const found of await Promise.all(
        versions.splice(0, readAtOnce).map(async ({ release, version }) => {
          const document = await readDocument(api, release, documents)
          return document && { release, document: checkVersion(document, version) }
        }),
      ))
        if (found !== undefined) yield found
  }

  /** The newest release that is not withdrawn. Reads no others. */
  async function newest(api: GitHubApi, channels: Channels, isMeant: (version: string) => boolean) {
    for await (const found of published(api)) {
      const { version } = found.document.pending
      if (isMeant(version) && (await channels.marks(version)).withdrawn === undefined) return found
    }
    return undefined
  }

  return {
    contract: 1,
    name: 'github',
    version: '1',
    describe: () => ({ repository, baseUrl, tagFormat }),

    async current(channel, context) {
      const api = connect(context)
      checkedChannel(channel)
      const channels = await channelsOf(api)
      const version = await channels.read(channel)
      if (version === undefined) return undefined
      const found = await find(api, version)
      if (found === undefined) throw notHeld(version, `the channel "${channel}" points at it, but it does not exist`)
      return releaseOf(found, channels)
    },

    async channels(context) {
      return (await channelsOf(connect(context))).all()
    },

    async *history(context) {
      const api = connect(context)
      const channels = await channelsOf(api)
      for await (const found of published(api)) yield await releaseOf(found, channels)
    },

    async *unexplained(context) {
      yield* unexplainedIn(connect(context), format, documents)
    },

    async prepare(request, context) {
      const api = connect(context)
      const previous = async () =>
        (await newest(api, await channelsOf(api), (version) => version !== request.version))?.document.pending
      const holder = async (bundle: Digest) => {
        for await (const found of published(api))
          if (found.document.pending.bundle === bundle && partsOf(found.document).every(await assetsIn(api, found)))
            return found
        return undefined
      }
      return prepareRelease(api, request, { format, documents, drafts, partBytes, onProgress, previous, holder })
    },

    async *pending(context) {
      const api = connect(context)
      for (const draft of await listDrafts(api, format)) {
        const whole = await wholeDraft(api, draft, documents)
        if (whole === undefined) continue
        const tag = await readTag(api, draft.release.tag_name)
        yield { pending: whole.document.pending, publishing: isSameKey(tag?.key, draft.key) }
      }
    },

    async verify(pending, context) {
      const api = connect(context)
      const { document, assetOf } = await held(api, pending)
      for (const part of partsOf(document)) {
        const asset = assetOf(part)
        if (asset === undefined) throw notHeld(pending.version, `the asset ${part.name} is missing or different`)
        if (typeof asset.digest !== 'string') await checkBytes(api, asset, { ...part, path: part.name })
      }
    },

    async publish(pending, context) {
      const api = connect(context)
      const tag = format.tagOf(pending.version)
      const isThere = (await findPublished(api, tag)) !== undefined
      const made = isThere ? undefined : await publishRelease(api, await held(api, pending), context.clock.nowMs())
      const found = made ?? (await find(api, pending.version))
      if (found === undefined || !isSameKey(pendingKeyOf(found.document.pending), pendingKeyOf(pending)))
        throw versionTaken(pending.version)
      return releaseOf(found, await channelsOf(api))
    },

    async point(channel, version, expected, context) {
      const api = connect(context)
      checkedChannel(channel)
      const found = await find(api, version)
      if (found === undefined) throw notFound(version)
      const channels = await channelsOf(api)
      const current = await channels.read(channel)
      // Before the channel moves: after a crash in between, the next run repeats both.
      const isLatest = channel === 'latest' && current === expected && current !== version
      if (isLatest) await markLatest(api, found)
      try {
        await channels.point(channel, version, expected)
      } catch (error) {
        const isLost = isLatest && isSheikhError(error, 'release-conflict')
        const winner = isLost ? await (await channelsOf(api)).read(channel) : undefined
        const other = winner === undefined ? undefined : await find(api, winner)
        if (other !== undefined) await markLatest(api, other)
        throw error
      }
    },

    async discard(pending, context) {
      const api = connect(context)
      const key = pendingKeyOf(pending)
      const tag = format.tagOf(pending.version)
      const published = await find(api, pending.version)
      if (published !== undefined && isSameKey(pendingKeyOf(published.document.pending), key)) return
      const draft = await findDraft(api, format, pending, drafts)
      // Before the draft, because the next run finds unfinished work by its draft.
      await dropTag(api, tag, key)
      if (draft !== undefined)
        await api.call(`delete the draft of ${tag}`, 'DELETE', `releases/${draft.release.id}`, { allow: [404] })
    },

    async withdraw(version, reason, context) {
      const api = connect(context)
      const found = await find(api, version)
      if (found === undefined) throw notFound(version)
      const channels = await channelsOf(api)
      if ((await channels.marks(version)).withdrawn !== undefined) return
      // Change what people see first. The mark comes last and confirms that everything is done.
      await tellWithdrawn(api, found)
      const latest = await api.call<ReleaseJson>('read the latest release', 'GET', 'releases/latest', { allow: [404] })
      if (latest.ok && latest.value.id === found.release.id) {
        const other = await newest(api, channels, (one) => one !== version && !isPrerelease(one))
        if (other !== undefined) await markLatest(api, other)
      }
      await channels.withdraw(version, reason, context.clock.nowMs())
    },

    async remove(version, context) {
      const api = connect(context)
      const found = await find(api, version)
      if (found === undefined) throw notFound(version)
      const channels = await channelsOf(api)
      if (Object.values(await channels.all()).includes(version)) throw pointedAt(version)
      const removal = await planRemoval(api, found, await others(api, channels, version))
      // Write the mark first: after a crash only unused assets remain, and the next removal deletes them.
      await channels.remove(version, context.clock.nowMs())
      await removal()
    },

    async open(version, directory, context) {
      const api = connect(context)
      const found = await find(api, version)
      if (found === undefined || (await (await channelsOf(api)).marks(version)).removedAtMs !== undefined)
        throw notFound(version)
      await makeEmptyFolder(directory, `open ${version} into`)
      const { document } = found
      await fetchFiles(api, document, { assetOf: await assetsIn(api, found), directory }, onProgress)
      return { digest: document.pending.bundle, manifest: document.pending.manifest, directory }
    },
  }

  /** All releases that may need an asset: other releases that are not removed, and pending ones. */
  async function others(api: GitHubApi, channels: Channels, version: string): Promise<readonly Found[]> {
    const found: Found[] = []
    for await (const one of published(api)) {
      const other = one.document.pending.version
      if (other !== version && (await channels.marks(other)).removedAtMs === undefined) found.push(one)
    }
    for (const draft of await listDrafts(api, format)) {
      const whole = await wholeDraft(api, draft, documents)
      if (whole !== undefined) found.push(whole)
    }
    return found
  }

  /** The draft of a pending release, or its published release. @throws `release-conflict` if there is neither; `artifact-corrupt`. */
  async function held(api: GitHubApi, pending: PendingRelease) {
    const draft = await findDraft(api, format, pending, drafts)
    const whole = draft && (await wholeDraft(api, draft, documents))
    const found = draft === undefined ? await find(api, pending.version) : undefined
    const isOwn = found !== undefined && isSameKey(pendingKeyOf(found.document.pending), pendingKeyOf(pending))
    const there = whole ?? (isOwn ? { ...found, assetOf: await assetsIn(api, found) } : undefined)
    if (there === undefined)
      throw draft === undefined ? pendingGone(pending.version) : notHeld(pending.version, 'its draft is incomplete')
    if (canonicalJson(there.document.pending) !== canonicalJson(pending))
      throw notHeld(pending.version, 'its draft describes another pending release')
    return there
  }
}

const assetsIn = async (api: GitHubApi, { release, document }: Found) =>
  findAssets(api, await listAssets(api, release), document)

function checkVersion(document: ReleaseDocument, version: string): ReleaseDocument {
  if (document.pending.version === version) return document
  throw notHeld(version, `its document describes ${document.pending.version}`)
}
