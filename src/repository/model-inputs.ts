import { join } from 'node:path'
import { type CallContext, type Json, SheikhError } from '../core/index.js'
import { Dataset, memorySamples } from '../dataset/index.js'
import { loadTemplate, prompt } from '../prompts/index.js'
import type { Release } from '../releaser/index.js'
import type { Configuration } from './config/index.js'
import { promptsPath } from './layout.js'

/** Turns values into what a released model receives. */
export interface InputReader {
  /** The template that makes the input from the fields of a sample. Absent: other values than samples are inputs, too. */
  readonly template: string | undefined
  /** The fields that the template needs. Empty without a template. */
  readonly fields: readonly string[]
  /** @throws `invalid-options` for a value that is no object if a template makes the input; `dataset-invalid`; `template-invalid`. */
  readonly read: (values: readonly Json[]) => Promise<readonly Json[]>
}

/**
 * What a model receives for each value. An object is a sample: the configuration selects or renders its input. Any other value is
 * the input itself. Warns if the template of the input is not the one that was released with the model.
 */
export async function inputReader(
  release: Pick<Release, 'version' | 'manifest'>,
  { root, configuration }: { readonly root: string; readonly configuration: Configuration },
  context: CallContext,
): Promise<InputReader> {
  const path = configuration.dataset.projection.input
  const { promptLimits: limits } = configuration.dataset
  const template = path.startsWith(`${promptsPath}/`)
    ? prompt(path, { directory: root, limits, mayBeConstant: true })
    : undefined
  await template?.load?.(context)
  const fields =
    template === undefined
      ? []
      : (await loadTemplate(join(root, path), path)).template.variables.map(({ name }) => name)
  let count = 0
  const dataset = new Dataset<object>({
    source: memorySamples([]),
    // The inputs of a prediction may repeat, and need no id.
    id: () => String(count++),
    // Loaded once: a server keeps the template that it began with.
    input: (template === undefined ? path : { ...template, load: undefined }) as never,
  })
  const released = release.manifest.files.find((file) => file.path === path)?.digest
  if (template !== undefined && (template.describe() as { readonly template: Json }).template !== released)
    context.log.warn(
      `The template "${path}" differs from the one in release ${release.version}. Check out the commit of the release to predict as it does.`,
    )
  return {
    template: template === undefined ? undefined : path,
    fields,
    async read(values) {
      const samples = values.filter(isObject)
      if (template !== undefined && samples.length < values.length)
        throw new SheikhError(
          'invalid-options',
          `Cannot predict: the template "${path}" makes the model's input from the fields of a sample, but the input is not a JSON object. Give an object with these fields, such as {"text": "…"}.`,
        )
      const inputs = (await dataset.project(samples, context)).map(({ input }) => input as Json)
      let next = 0
      return values.map((value) => (isObject(value) ? inputs[next++]! : value))
    },
  }
}

const isObject = (value: Json): value is Readonly<Record<string, Json>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
