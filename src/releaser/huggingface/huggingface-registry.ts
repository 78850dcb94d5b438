import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type CallContext, canonicalJson, hexOf, isSheikhError, SheikhError } from '../../core/index.js'
import { makeDirectory, writeFileAtomic } from '../../store/index.js'
import {
  type Bundle,
  byVersion,
  checkedChannel,
  isVersion,
  parseRelease,
  parseStaged,
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
import { type HubClient, type HubOptions, type HubRefs, hubClient } from './hub-client.js'
import {
  cardFile,
  encodeDocument,
  encodeWithdrawals,
  isShared,
  parseJson,
  parseWithdrawals,
  releaseFile,
  type Withdrawal,
  withdrawalsFile,
} from './hub-documents.js'
import { changesBetween, inParallel, verifyTree } from './hub-tree.js'
import { modelCard } from './model-card.js'
import { uploadBundle } from './upload-bundle.js'

export interface HuggingFaceOptions extends HubOptions {
  /** Makes the repository where it is not there. @default it must be there */
  readonly create?: 'private' | 'public' | undefined
  /** @default 'v{version}' */
  readonly tagFormat?: string | undefined
  /** The text of `README.md`, where the bundle has none of its own. @default the model card that `modelCard` writes */
  readonly card?: ((staged: Staged) => string) | undefined
  /** A file on its way to or from the Hub: its part done, 0..1. */
  readonly onProgress?: ((progress: TransferProgress) => void) | undefined
}

export interface TransferProgress {
  readonly direction: 'upload' | 'download'
  readonly path: string
  readonly progress: number
}

/** How often a commit is made again after another writer was faster, or its answer was lost. */
const commitAttempts = 5

/** Documents of releases that are read at a time. */
const parallelReads = 8

const stagingPrefix = 'staging-'

/**
 * Releases in a repository of the Hugging Face Hub. A staging is a branch of its own; its promotion is one commit on the
 * channel's branch (`main` for `latest`), and the tag of the version, which is the release. Withdrawals are kept on `main`.
 * Bytes that the Hub has are not sent again, and nothing but the bundle, its card and its record is ever sent.
 *
 * @throws `invalid-options`, `access-denied`, `remote-failed`, `release-conflict`, `not-found` by the calls of what it returns.
 */
export function huggingFaceRegistry(options: HuggingFaceOptions): Releaser {
  const { tagOf, versionOf } = tagFormat(options.tagFormat ?? 'v{version}')
  /** By commit: what stands at one never changes. */
  const documents = new Map<string, Release>()
  const branchOf = (channel: string) => (checkedChannel(channel) === 'latest' ? 'main' : channel)
  const stagingBranch = ({ version, bundle }: Pick<Staged, 'version' | 'bundle'>) =>
    `${stagingPrefix}${version}-${hexOf(bundle)}`

  const open = (context: CallContext): HubClient => {
    context.signal.throwIfAborted()
    return hubClient(options, context)
  }

  async function readDocument(client: HubClient, revision: string): Promise<unknown> {
    const content = await client.read(revision, releaseFile)
    return content === undefined ? undefined : parseJson(content, `${releaseFile} at ${revision}`)
  }

  /** The release whose files stand at a commit. */
  async function releaseAt(client: HubClient, commit: string): Promise<Release | undefined> {
    const known = documents.get(commit)
    if (known !== undefined) return known
    const document = await readDocument(client, commit)
    if (document === undefined) return undefined
    const release = parseRelease(document, `${releaseFile} at ${commit}`)
    documents.set(commit, release)
    return release
  }

  async function releaseTagged(client: HubClient, refs: HubRefs, version: Version): Promise<Release | undefined> {
    const tag = tagOf(version)
    const commit = refs.tags.get(tag)
    if (commit === undefined) return undefined
    const release = await releaseAt(client, commit)
    if (release?.version === version) return release
    throw new SheikhError(
      'artifact-corrupt',
      `Cannot trust the tag ${tag} in ${client.repository}: it points at ${release === undefined ? 'a commit of no release' : `the release ${release.version}`}. Somebody moved it; move it back.`,
      { facts: { tag, commit } },
    )
  }

  async function readWithdrawals(client: HubClient, refs: HubRefs): Promise<ReadonlyMap<string, Withdrawal>> {
    const main = refs.branches.get('main')
    if (main === undefined) return new Map()
    return parseWithdrawals(await client.read(main, withdrawalsFile), withdrawalsFile)
  }

  const marked = (release: Release, withdrawals: ReadonlyMap<string, Withdrawal>): Release => {
    const withdrawn = withdrawals.get(release.version)
    return withdrawn === undefined ? release : { ...release, withdrawn }
  }

  /** A staging that is whole: `staged.json` came with all its files, in one commit. */
  async function stagedAt(client: HubClient, branch: string, commit: string): Promise<Staged | undefined> {
    const document = await readDocument(client, commit)
    if (document === undefined) return undefined
    const staged = parseStaged(document, `${releaseFile} on ${branch}`)
    // A branch that was cut off at its making still holds the release that it began from.
    return stagingBranch(staged) === branch ? staged : undefined
  }

  /** Where a promotion commits: readers of a channel see it there; one without a channel is seen by its tag alone. */
  const targetOf = (staged: Staged) =>
    staged.intent.channel === undefined ? stagingBranch(staged) : branchOf(staged.intent.channel)

  async function isCommitted(client: HubClient, refs: HubRefs, staged: Staged): Promise<string | undefined> {
    const head = refs.branches.get(targetOf(staged))
    if (head === undefined) return undefined
    const document = (await readDocument(client, head)) as Partial<Release> | undefined
    return document?.promotedAtMs !== undefined && isSame(document as Release, staged) ? head : undefined
  }

  /** The head of a branch, made from `start` where it is absent. */
  async function headOf(client: HubClient, refs: HubRefs, branch: string, start: string): Promise<string> {
    const head = refs.branches.get(branch)
    if (head !== undefined) return head
    await client.createBranch(branch, start)
    return (await client.refs()).branches.get(branch) ?? start
  }

  /** One commit after which `branch` holds the release, and nothing else. @returns the commit. */
  async function commitRelease(
    client: HubClient,
    request: { readonly branch: string; readonly from: string; readonly release: Release; readonly title: string },
  ): Promise<string> {
    const { branch, from, release, title } = request
    for (let attempt = 1; ; attempt += 1) {
      const refs = await client.refs()
      const head = await headOf(client, refs, branch, from)
      const at = await releaseAt(client, head).catch(() => undefined)
      if (at !== undefined && isSame(at, release) && at.promotedAtMs === release.promotedAtMs) return head
      const card = release.manifest.files.some(({ path }) => path === cardFile)
        ? undefined
        : await client.read(from, cardFile)
      const extra = new Map([
        [releaseFile, encodeDocument(release)],
        ...(card === undefined ? [] : [[cardFile, card] as const]),
      ])
      const changes = await changesBetween(
        client,
        { revision: from, manifest: release.manifest },
        await client.files(head),
        extra,
      )
      try {
        return await client.commit({ branch, title, parent: head, changes })
      } catch (error) {
        // The branch moved, or an answer was lost: what stands there now decides.
        const again = isSheikhError(error, 'release-conflict') || isSheikhError(error, 'remote-failed')
        if (!again || attempt === commitAttempts) throw error
      }
    }
  }

  async function removePartials(client: HubClient, refs: HubRefs, own: string): Promise<void> {
    for (const [branch, commit] of refs.branches) {
      if (!branch.startsWith(stagingPrefix) || branch === own) continue
      if ((await stagedAt(client, branch, commit)) === undefined) await client.deleteBranch(branch)
    }
  }

  /** The commit to begin a staging from: of what is there already, nothing is sent again. */
  async function startOf(client: HubClient): Promise<{ readonly refs: HubRefs; readonly main: string }> {
    const refs = await client.refs().catch(async (error: unknown) => {
      if (!isSheikhError(error, 'not-found') || options.create === undefined) throw error
      await client.createRepository(options.create)
      return await client.refs()
    })
    const main = refs.branches.get('main')
    if (main === undefined)
      throw new SheikhError(
        'release-rejected',
        `Cannot release to ${client.repository}: it has no branch "main". Add a file to it on the Hub, and run again.`,
      )
    const foreign =
      (await releaseAt(client, main)) === undefined && refs.tags.size === 0
        ? (await client.files(main)).filter(({ path }) => !isShared(path) && path !== cardFile)
        : []
    if (foreign.length > 0)
      throw new SheikhError(
        'release-rejected',
        `Cannot release to ${client.repository}: it holds ${foreign.length} files of no release (${foreign
          .slice(0, 3)
          .map(({ path }) => path)
          .join(
            ', ',
          )}), which a release would remove. Take it over with "sheikh import ${client.repository}", or name another repository.`,
        { facts: { paths: foreign.slice(0, 100).map(({ path }) => path) } },
      )
    return { refs, main }
  }

  async function stage(client: HubClient, { bundle, version, intent, record }: StageRequest): Promise<Staged> {
    const { manifest, digest } = bundle
    const reserved = manifest.files.find(({ path }) => [releaseFile, withdrawalsFile, '.gitattributes'].includes(path))
    if (reserved !== undefined)
      throw new SheikhError(
        'release-rejected',
        `Cannot release the bundle to ${client.repository}: "${reserved.path}" is the registry's own file there. Save it under another name.`,
      )
    const staged: Staged = { formatVersion: 1, version, bundle: digest, manifest, intent, record }
    const branch = stagingBranch(staged)
    const { refs, main } = await startOf(client)
    const taken = await releaseTagged(client, refs, version)
    if (taken !== undefined && taken.bundle !== digest) throw versionTaken(version)
    await removePartials(client, refs, branch)
    const head = refs.branches.get(branch)
    const there = head === undefined ? undefined : await stagedAt(client, branch, head)
    if (there !== undefined && canonicalJson(there) === canonicalJson(staged)) return staged
    const extra = new Map([[releaseFile, encodeDocument(staged)]])
    if (!manifest.files.some(({ path }) => path === cardFile))
      extra.set(cardFile, new TextEncoder().encode((options.card ?? cardOf)(staged)))
    const title = `Stage ${tagOf(version)}`
    const from = bundle.directory === undefined ? await heldRelease(client, refs, bundle.digest) : undefined
    await client.resetBranch(branch, main)
    if (bundle.directory === undefined) {
      const changes = await changesBetween(client, { revision: from!, manifest }, await client.files(main), extra)
      await client.commit({ branch, title, parent: main, changes })
    } else {
      const whole = { ...bundle, directory: bundle.directory }
      await uploadBundle(client, { branch, parent: main, title, bundle: whole, documents: extra }, (event) => {
        if (event.state === 'uploading')
          options.onProgress?.({ direction: 'upload', path: event.path, progress: event.progress })
      })
    }
    return staged
  }

  /** A commit that holds the bundle. @throws `not-found`. */
  async function heldRelease(client: HubClient, refs: HubRefs, bundle: string): Promise<string> {
    for (const [tag, commit] of refs.tags)
      if (versionOf(tag) !== undefined && (await releaseAt(client, commit))?.bundle === bundle) return commit
    throw new SheikhError('not-found', `No release in ${client.repository} has the bundle ${bundle}.`)
  }

  const cardOf = (staged: Staged) => modelCard(staged, { repository: options.repository, tag: tagOf(staged.version) })

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
      const client = open(context)
      const refs = await refsIfThere(client)
      const head = refs.branches.get(branchOf(channel))
      const release = head === undefined ? undefined : await releaseAt(client, head)
      return release && marked(release, await readWithdrawals(client, refs))
    },

    async *history(context) {
      const client = open(context)
      const refs = await refsIfThere(client)
      const versions = [...refs.tags.keys()].flatMap((tag) => versionOf(tag) ?? [])
      const releases = await inParallel(versions, parallelReads, (version) => taggedOrForeign(client, refs, version))
      const withdrawals = versions.length === 0 ? new Map() : await readWithdrawals(client, refs)
      for (const release of releases.flatMap((one) => one ?? []).sort(byVersion)) yield marked(release, withdrawals)
    },

    async stage(request, context) {
      parseVersion(request.version)
      return await stage(open(context), request)
    },

    async *staged(context): AsyncIterable<StagedState> {
      const client = open(context)
      const refs = await refsIfThere(client)
      for (const [branch, commit] of refs.branches) {
        if (!branch.startsWith(stagingPrefix)) continue
        const staged = await stagedAt(client, branch, commit)
        if (staged === undefined) continue
        const promoting =
          !refs.tags.has(tagOf(staged.version)) && (await isCommitted(client, refs, staged)) !== undefined
        yield { staged: withoutPromotion(staged), promoting }
      }
    },

    async verify(staged, context) {
      const client = open(context)
      const head = (await client.refs()).branches.get(stagingBranch(staged))
      if (head === undefined || (await stagedAt(client, stagingBranch(staged), head)) === undefined)
        throw notStaged(staged.version)
      await verifyTree(client, head, staged.manifest)
    },

    async promote(staged, context) {
      const client = open(context)
      const refs = await client.refs()
      const branch = stagingBranch(staged)
      const there = await releaseTagged(client, refs, staged.version)
      if (there === undefined) {
        const from = refs.branches.get(branch)
        if (from === undefined || (await stagedAt(client, branch, from)) === undefined) throw notStaged(staged.version)
        let commit = await isCommitted(client, refs, staged)
        if (commit === undefined) {
          const release = { ...staged, promotedAtMs: context.clock.nowMs() }
          commit = await commitRelease(client, {
            branch: targetOf(staged),
            from,
            release,
            title: `Release ${tagOf(staged.version)}`,
          })
        }
        // Read back where readers will find it: a person may have committed since.
        await verifyTree(client, commit, staged.manifest)
        await client.createTag(tagOf(staged.version), commit, `Release ${tagOf(staged.version)}`)
      }
      const release = there ?? (await releaseTagged(client, await client.refs(), staged.version))
      if (release === undefined) throw notStaged(staged.version)
      if (!isSame(release, staged)) throw versionTaken(staged.version)
      await client.deleteBranch(branch)
      return release
    },

    async point(channel, version, expected, context) {
      const client = open(context)
      const refs = await client.refs()
      const release = await releaseTagged(client, refs, version)
      if (release === undefined) throw notFound(version)
      const branch = branchOf(channel)
      const from = refs.tags.get(tagOf(version))!
      const head = refs.branches.get(branch)
      const at = head === undefined ? undefined : await releaseAt(client, head)
      if (at?.version === version) return
      const moved = () =>
        new SheikhError(
          'release-conflict',
          `Cannot point "${channel}" at ${version}: it points at ${at?.version ?? 'nothing'} and no longer at ${expected ?? 'nothing'}. Run again.`,
          { facts: { channel, version, expected }, retryable: true },
        )
      if (at?.version !== expected) throw moved()
      if (head === undefined) {
        if (!(await client.createBranch(branch, from))) throw moved()
        return
      }
      await commitRelease(client, { branch, from, release, title: `Point ${channel} at ${tagOf(version)}` })
    },

    async discard(staged, context) {
      await open(context).deleteBranch(stagingBranch(staged))
    },

    async withdraw(version, reason, context) {
      const client = open(context)
      for (let attempt = 1; ; attempt += 1) {
        const refs = await client.refs()
        if (!isVersion(version) || !refs.tags.has(tagOf(version))) throw notFound(version)
        const withdrawals = await readWithdrawals(client, refs)
        if (withdrawals.has(version)) return
        const marks = new Map(withdrawals).set(version, { reason, atMs: context.clock.nowMs() })
        const change = { kind: 'file', path: withdrawalsFile, content: encodeWithdrawals(marks) } as const
        const title = `Withdraw ${tagOf(version)}`
        try {
          await client.commit({
            branch: 'main',
            title,
            description: reason,
            parent: refs.branches.get('main')!,
            changes: [change],
          })
          return
        } catch (error) {
          const again = isSheikhError(error, 'release-conflict') || isSheikhError(error, 'remote-failed')
          if (!again || attempt === commitAttempts) throw error
        }
      }
    },

    async open(version, directory, context): Promise<Bundle> {
      const client = open(context)
      const refs = await refsIfThere(client)
      const release = isVersion(version) ? await releaseTagged(client, refs, version) : undefined
      if (release === undefined) throw notFound(version)
      await makeDirectory(directory)
      if ((await readdir(directory)).length > 0)
        throw new SheikhError(
          'invalid-options',
          `Cannot open ${version} into "${directory}": the folder is not empty. Name an empty one.`,
        )
      const revision = refs.tags.get(tagOf(version))!
      for (const file of release.manifest.files) {
        const target = join(directory, file.path)
        // A range of nothing is an error to a server.
        if (file.sizeBytes === 0) await writeFileAtomic(target, '')
        else
          await downloadFile(
            {
              fetch: client.streamingFetch,
              request: () => client.fileRequest(revision, file.path),
              file,
              target,
              onProgress: (receivedBytes) =>
                options.onProgress?.({
                  direction: 'download',
                  path: file.path,
                  progress: receivedBytes / file.sizeBytes,
                }),
            },
            context,
          )
      }
      return { digest: release.bundle, manifest: release.manifest, directory }
    },
  }

  /** Of a repository that is still to be made there are none. */
  async function refsIfThere(client: HubClient): Promise<HubRefs> {
    try {
      return await client.refs()
    } catch (error) {
      if (isSheikhError(error, 'not-found') && options.create !== undefined)
        return { branches: new Map(), tags: new Map() }
      throw error
    }
  }

  /** A tag that looks like a version and was never ours: of releases made by hand, before. */
  async function taggedOrForeign(client: HubClient, refs: HubRefs, version: Version): Promise<Release | undefined> {
    const commit = refs.tags.get(tagOf(version))!
    if ((await releaseAt(client, commit)) === undefined) return undefined
    return await releaseTagged(client, refs, version)
  }
}

const isSame = (left: Staged, right: Staged) =>
  left.version === right.version && left.bundle === right.bundle && left.record.runId === right.record.runId

const withoutPromotion = ({ formatVersion, version, bundle, manifest, intent, record }: Staged): Staged => ({
  formatVersion,
  version,
  bundle,
  manifest,
  intent,
  record,
})

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
