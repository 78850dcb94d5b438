import { join } from 'node:path'
import { type Digest, digestBytes, plainPath, SheikhError } from '../core/index.js'
import type { Projection } from '../dataset/index.js'
import { loadTemplate } from './load-prompts.js'
import { type RenderLimits, renderLimits } from './render-limits.js'
import { openRenderPass } from './render-pass.js'
import type { Template } from './template.js'
import { templateInvalid } from './template-error.js'

/**
 * Renders a part of a row from a template with the sample's fields: `input: prompt('prompts/training/classify.txt')`.
 *
 * A template without any field is `template-invalid`, because all texts would be equal. So is one that needs a field that a sample lacks: the error has file,
 * line and column of the template, and the sample in `facts.sample`. Many samples are rendered in a thread, so that the event loop stays free and
 * an endless template can be ended.
 */
export function prompt(
  path: string,
  {
    directory = '',
    limits: given = {},
    mayBeConstant = false,
  }: {
    /** Base directory of `path`. @default the working directory */
    readonly directory?: string
    /** Exceeding a limit throws `template-invalid`. @default `RenderLimits` */
    readonly limits?: Partial<RenderLimits> | undefined
    /** Whether a template without any field is accepted, such as that of a system prompt. @default false */
    readonly mayBeConstant?: boolean | undefined
  } = {},
): Projection<object, string> {
  plainPath(path, 'the path of a prompt')
  plainPath(directory, 'the directory of a prompt')
  const limits = renderLimits(given)
  let loaded: { readonly text: string; readonly template: Template; readonly digest: Digest } | undefined
  const template = () => {
    if (loaded !== undefined) return loaded
    throw new SheikhError(
      'invalid-options',
      `Cannot render ${JSON.stringify(path)}: it is not loaded. Call load() first.`,
    )
  }
  return {
    contract: 1,
    name: 'prompt',
    version: '2',
    describe: () => ({ path, template: loaded?.digest ?? null }),
    async load({ signal }) {
      signal.throwIfAborted()
      const { text, template } = await loadTemplate(join(directory, path), path)
      if (template.reads.length === 0 && !mayBeConstant)
        throw templateInvalid(
          path,
          undefined,
          'it uses no field, so the text would be the same for every sample',
          'Write a field of the samples into it, such as {{ text }}.',
        )
      loaded = { text, template, digest: digestBytes(text) }
    },
    project: (sample) => template().template.render(sample as Readonly<Record<string, unknown>>, limits).text,
    openPass: (context) => openRenderPass(template(), limits, context),
  }
}
