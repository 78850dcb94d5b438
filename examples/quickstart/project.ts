import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Mail } from './mails.js'

const schema = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  type: 'object',
  required: ['id', 'text', 'label', 'body'],
  additionalProperties: false,
  properties: {
    id: { type: 'string', minLength: 1 },
    text: { type: 'string' },
    label: { enum: ['ham', 'spam'] },
    body: { type: 'string', pattern: '^[0-9a-f]{64}$' },
  },
}

/** The files that people write once: what a sample is, how to train, and what a release must hold. */
const files: Readonly<Record<string, string>> = {
  'dataset/config.yaml': `dataset:
  name: spam-assassin
  version: 1.0.0
  license: see the corpus
validation:
  schema_path: dataset/schemas/mail.json
projection:
  id: id
  input: text
  target: label
  group: body          # mails of one body never stand on both sides of the line
`,
  'dataset/schemas/mail.json': `${JSON.stringify(schema, null, 2)}\n`,
  'mlops/training/config.yaml': `model:
  architecture: text-classifier
`,
  'mlops/pipeline.yaml': `pipeline:
  name: sheikh-freemium
stages:
  validate_weights:
    checks:
      - accuracy_threshold: 0.15
      - regression_check: true     # at most two points worse, overall and by slice
      - weight_integrity: true
`,
  '.gitignore': '.sheikh/\nreleases/\n',
}

export async function writeProject(root: string): Promise<void> {
  for (const [path, text] of Object.entries(files)) await writeInto(root, path, text)
}

/** One mail a file; the folder is its category. */
export async function writeMails(root: string, mails: readonly Mail[]): Promise<void> {
  for (const { category, ...sample } of mails)
    await writeInto(
      root,
      `dataset/samples/${category}/${sample.id.split('/')[1]}.json`,
      `${JSON.stringify(sample, null, 1)}\n`,
    )
}

async function writeInto(root: string, path: string, text: string): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true })
  await writeFile(join(root, path), text)
}
