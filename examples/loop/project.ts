import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Mail } from '../quickstart/mails.js'

const schema = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  type: 'object',
  required: ['id', 'text', 'label'],
  additionalProperties: false,
  properties: {
    id: { type: 'string', minLength: 1 },
    text: { type: 'string' },
    label: { enum: ['ham', 'spam'] },
  },
}

const files: Readonly<Record<string, string>> = {
  'dataset/config.yaml': `dataset:
  name: mails
  version: 1.0.0
  license: see the corpus
validation:
  schema_path: dataset/schemas/mail.json
projection: { id: id, input: text, target: label }
`,
  'dataset/schemas/mail.json': `${JSON.stringify(schema, null, 2)}\n`,
  'mlops/training/config.yaml': `model:
  architecture: text-classifier
`,
  'mlops/pipeline.yaml': `pipeline:
  name: mails
stages:
  validate_weights:
    checks:
      - accuracy_threshold: 0.15
      - regression_check: true
      - weight_integrity: true
`,
  '.gitignore': '.sheikh/\nreleases/\n',
}

/** A person's clone of the project, and the remote that it is pushed to. */
export class Project {
  readonly root: string

  constructor(folder: string) {
    this.root = join(folder, 'mails')
    const origin = join(folder, 'origin.git')
    mkdirSync(this.root)
    this.git('init', '-q', '--bare', '-b', 'main', origin)
    this.git('init', '-q', '-b', 'main')
    this.git('config', 'user.name', 'Ada')
    this.git('config', 'user.email', 'ada@localhost')
    this.git('remote', 'add', 'origin', origin)
    for (const [path, text] of Object.entries(files)) this.#write(path, text)
  }

  git(...parameters: readonly string[]): string {
    return execFileSync('git', parameters, { cwd: this.root, encoding: 'utf8' }).trim()
  }

  add(mails: readonly Mail[]): void {
    for (const { id, text, label } of mails)
      this.#write(`dataset/samples/${id}.json`, `${JSON.stringify({ id, text, label })}\n`)
  }

  push(message: string): void {
    this.git('add', '.')
    this.git('commit', '-qm', message)
    this.git('push', '-q', 'origin', 'main')
  }

  /** What a person does who has read the branch: on GitHub, with the button of the pull request. */
  merge(branch: string): void {
    this.git('fetch', '-q', 'origin')
    this.git('merge', '-q', '--no-ff', '-m', 'Merge feedback', `origin/${branch}`)
    this.git('push', '-q', 'origin', 'main')
  }

  #write(path: string, text: string): void {
    const file = join(this.root, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  }
}
