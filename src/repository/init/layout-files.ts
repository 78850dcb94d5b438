import { posix } from 'node:path'
import { generateSamples } from './generate-samples.js'
import { type ProjectTemplate, templateFiles } from './templates.js'

export interface LayoutFile {
  /** Below the project's folder. */
  readonly path: string
  readonly text: string
}

/** What Git is to leave out of every commit of a project. */
const ignoredPatterns: readonly string[] = ['node_modules/', '.sheikh/', 'releases/']

export const samplesKeepFile: LayoutFile = { path: 'dataset/samples/.gitkeep', text: '' }

/** The generated samples, one file each. */
export const sampleFilesOfInit = (): readonly LayoutFile[] =>
  generateSamples().map((sample) => ({
    path: `dataset/samples/${sample.label}/${sample.id}.json`,
    text: `${JSON.stringify(sample, null, 2)}\n`,
  }))

/**
 * The files of a new project except its samples.
 *
 * @param samples whether the generated ones are used.
 * @param schemas the folder of the package's JSON Schemas, relative to the project, with `/`.
 */
export function layoutFiles(
  name: string,
  template: ProjectTemplate,
  samples: boolean,
  schemas: string,
): readonly LayoutFile[] {
  const { files, ignored } = templateFiles(template)
  return [
    { path: '.gitignore', text: `${[...ignoredPatterns, ...ignored].join('\n')}\n` },
    { path: 'dataset/config.yaml', text: datasetConfig(name) },
    { path: 'dataset/schemas/sample.json', text: `${JSON.stringify(sampleSchema, null, 2)}\n` },
    { path: 'mlops/pipeline.yaml', text: pipelineConfig(name, samples) },
    { path: 'prompts/inference/classify.txt', text: 'Which kind of ticket is this?\n\n{{ text }}\n' },
    ...files,
  ].map(({ path, text }) => ({ path, text: schemaLine(path, schemas) + text }))
}

const schemaNames: Readonly<Record<string, string>> = {
  'dataset/config.yaml': 'dataset',
  'mlops/pipeline.yaml': 'pipeline',
  'mlops/training/config.yaml': 'training',
}

/** Read by the YAML language server of editors; empty for other files. */
export function schemaLine(path: string, schemas: string): string {
  const name = schemaNames[path]
  if (name === undefined) return ''
  return `# yaml-language-server: $schema=${posix.relative(posix.dirname(path), `${schemas}/${name}.json`)}\n`
}

/** Not the project's name, as elsewhere: how many of the generated samples are pinned must not depend on it. */
export const generatedSalt = 'sheikh'
/** The share of the generated samples that is pinned: enough for the margin below. */
export const generatedShare = 0.4

const sampleSchema = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  type: 'object',
  required: ['id', 'text', 'label'],
  properties: {
    id: { type: 'string', minLength: 1 },
    text: { type: 'string', minLength: 1 },
    label: { type: 'string', minLength: 1 },
  },
}

const datasetConfig = (name: string) => `dataset:
  name: ${JSON.stringify(name)}
  version: 1.0.0
validation:
  schema_path: dataset/schemas/sample.json
# Which fields of a sample matter to a model. The folder below dataset/samples/ is the slice "category".
projection:
  id: id
  input: text
  target: label
  # group: thread      # samples of one group are never split between training and evaluation
`

const pipelineConfig = (name: string, samples: boolean) => `pipeline:
  name: ${JSON.stringify(name)}
stages:
  validate_weights:
    checks:
      - beats_majority: true          # better than always predicting the most frequent label, with 95 % confidence
${
  samples
    ? `      # 80 pinned items can certify a margin of five points. Two points need 149 items or more: regression_check: true
      - regression_check: { margin: 0.05 }`
    : '      - regression_check: true        # at most two points worse than the current and the best release'
}
      - weight_integrity: true
    when_inconclusive: ask            # or hold, or release
  release:
    targets:
      - directory: { path: releases }
`
