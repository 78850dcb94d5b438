import { join } from 'node:path'
import {
  type CallContext,
  createRedactor,
  type Digest,
  digestBytes,
  isSheikhError,
  type Json,
  toJson,
} from '../core/index.js'
import type { Stage } from '../pipeline/index.js'
import {
  choosePrompts,
  loadTemplate,
  type PromptSnapshot,
  type PromptTexts,
  parseTemplate,
  promptStageName,
  renderLimits,
  type SnapshotSample,
  type Template,
  toPromptTexts,
} from '../prompts/index.js'
import type { Composition } from './compose.js'
import type { Git } from './git/index.js'
import { promptsPath } from './layout.js'

/** The texts of a snapshot. `undefined` if the store has lost them. @throws as `ObjectStore.get`, but for a missing object. */
export async function promptTextsOf(
  { texts }: PromptSnapshot,
  { store }: Pick<Composition, 'store'>,
  context: CallContext,
): Promise<PromptTexts | undefined> {
  try {
    return toPromptTexts(JSON.parse(Buffer.from(await store.objects.get(texts, context)).toString('utf8')))
  } catch (error) {
    if (isSheikhError(error, 'not-found') || isSheikhError(error, 'artifact-corrupt')) return undefined
    throw error
  }
}

/**
 * A stage that keeps how a few samples look after rendering, and how they looked by the template of the current release. Absent
 * for a project whose input is no template. It writes nothing that another stage reads, so that it decides no key.
 */
export function promptStages(
  {
    git,
    prefix,
    root,
    secrets,
  }: {
    readonly git: Git
    readonly prefix: string
    readonly root: string
    readonly secrets: readonly string[]
  },
  composition: Composition,
): readonly Stage[] {
  const { configuration, dataset, store, stages } = composition
  const path = configuration.dataset.projection.input
  if (!path.startsWith(`${promptsPath}/`) || stages.some(({ name }) => name === promptStageName)) return []
  const limits = renderLimits(configuration.dataset.promptLimits ?? {})
  const hide = createRedactor(secrets)

  /** The sample's text by another template; `null` if it cannot be rendered. */
  function renderedBy(parsed: Template | undefined, sample: unknown): string | null {
    try {
      if (parsed === undefined) return null
      return hide(parsed.render(sample as Readonly<Record<string, unknown>>, limits).text)
    } catch (error) {
      if (isSheikhError(error, 'template-invalid')) return null
      throw error
    }
  }

  async function snapshot(context: CallContext): Promise<Json> {
    const contents = await dataset.contents({ ...context, cache: store.documents })
    const { rows, characters, chosen } = await choosePrompts(contents.whole(), context)
    const own = digestBytes((await loadTemplate(join(root, path), path)).text)
    const released = await releasedTemplate({ git, prefix, path, own }, composition, context)
    const samples =
      released?.text === undefined ? undefined : await contents.samples(new Set(chosen.map(({ id }) => id)))
    const template = released?.text === undefined ? undefined : await parsedTemplate(released.text, path)
    const shown: SnapshotSample[] = []
    const texts: PromptTexts[number][] = []
    for (const { id, choice, text } of chosen) {
      context.signal.throwIfAborted()
      const before = samples && renderedBy(template, samples.get(id))
      const after = hide(text)
      const earlier = before === undefined ? {} : { before: before === null ? null : sizeOf(before) }
      shown.push({ id, choice, ...sizeOf(after), ...earlier })
      texts.push({ id, text: after, ...(typeof before === 'string' && { before }) })
    }
    const kept = await store.objects.put(Buffer.from(JSON.stringify(texts)), context)
    return toJson({
      ...{ formatVersion: 1, template: { path, digest: own } },
      ...(released !== undefined && { released: { version: released.version, digest: released.digest } }),
      ...{ rows, characters, samples: shown, texts: kept },
    } satisfies PromptSnapshot)
  }

  return [
    {
      ...{ contract: 1, name: promptStageName, version: '1', describe: () => ({ path }), reads: ['dataset'] },
      run: async (_, context) => ({ value: await snapshot(context) }),
    },
  ]
}

/** A template of an earlier version, which this version may refuse. */
const parsedTemplate = (text: string, path: string): Promise<Template | undefined> =>
  parseTemplate(text, path).catch((error: unknown) => {
    if (isSheikhError(error, 'template-invalid')) return undefined
    throw error
  })

const sizeOf = (text: string) => ({ characters: text.length, digest: digestBytes(text) })

interface WantedTemplate {
  readonly git: Git
  readonly prefix: string
  readonly path: string
  /** The digest of the template as it is now. */
  readonly own: Digest
}

/** The template of the current release, with its text if it differs and this clone has the commit. */
async function releasedTemplate(
  { git, prefix, path, own }: WantedTemplate,
  { configuration, releaser }: Composition,
  context: CallContext,
): Promise<{ readonly version: string; readonly digest: Digest; readonly text?: string } | undefined> {
  const release = await (await releaser()).current(configuration.release.channel ?? 'latest', context)
  const found = release?.manifest.files.find((file) => file.path === path)?.digest
  if (release === undefined || found === undefined) return undefined
  const named = { version: release.version, digest: found }
  const { commit } = release.record
  if (found === own || commit === undefined) return named
  try {
    const file = prefix === '' ? path : `${prefix}/${path}`
    const entry = (await git.tree(commit, [file])).get(file)
    const text = entry && Buffer.from(await git.readBlob(entry.oid)).toString('utf8')
    // The commit may have been amended, or Git may convert the file.
    return text !== undefined && digestBytes(text) === found ? { ...named, text } : named
  } catch (error) {
    context.signal.throwIfAborted()
    if (!isSheikhError(error)) throw error
    return named
  }
}
