import { join } from 'node:path'
import { type Digest, digestBytes, plainPath, SheikhError } from '../core/index.js'
import type { Projection } from '../dataset/index.js'
import { loadTemplate } from './load-prompts.js'
import type { Template } from './template.js'

/**
 * Renders a part of a row from a template with the sample's fields: `input: prompt('prompts/training/classify.txt')`.
 *
 * If a sample lacks a field that the template needs, reading throws `template-invalid` with file and line.
 */
export function prompt(
  path: string,
  {
    directory = '',
  }: {
    /** Base directory of `path`. @default the working directory */
    readonly directory?: string
  } = {},
): Projection<object, string> {
  plainPath(path, 'the path of a prompt')
  plainPath(directory, 'the directory of a prompt')
  let loaded: { readonly template: Template; readonly digest: Digest } | undefined
  return {
    contract: 1,
    name: 'prompt',
    version: '2',
    describe: () => ({ path, template: loaded?.digest ?? null }),
    async load({ signal }) {
      signal.throwIfAborted()
      const { text, template } = await loadTemplate(join(directory, path), path)
      loaded = { template, digest: digestBytes(text) }
    },
    project(sample) {
      if (loaded === undefined)
        throw new SheikhError(
          'invalid-options',
          `Cannot render ${JSON.stringify(path)}: it is not loaded. Call load() first.`,
        )
      return loaded.template.render(sample as Readonly<Record<string, unknown>>)
    },
  }
}
