import { createHash } from 'node:crypto'
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { initGitRepository, openRepository, type Repository } from '../../src/repository/index.js'
import { fakeTrainer } from '../../src/testing/fake-trainer.js'
import { commitAll } from '../commit-all.js'
import { madeOnce } from '../made-once.js'
import { temporaryFolder, write } from './harness.js'

// By a global: compiling the library's sources anew for every configuration takes half a second.
const shared = Symbol.for('sheikh-freemium.test-trainer')
Object.assign(globalThis, { [shared]: fakeTrainer() })

/** A trainer that takes a millisecond, as a host brings its own. */
export const quickTrainer = `export default { trainer: globalThis[Symbol.for('${shared.description}')] }\n`

const sampleSchema = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  type: 'object',
  required: ['id', 'text', 'label'],
  properties: { id: { type: 'string' }, text: { type: 'string', minLength: 1 }, label: { enum: ['fruit', 'vehicle'] } },
}

const samplePath = (index: number) => `dataset/samples/all/${String(index).padStart(2, '0')}.json`

export function sample(index: number) {
  const fruit = index % 2 === 0
  return {
    id: `s${String(index).padStart(2, '0')}`,
    text: `${fruit ? 'apple' : 'bus'} number ${index}`,
    label: fruit ? 'fruit' : 'vehicle',
  }
}

/** The files of forty samples that a model learns by their first word, and a gate that they can pass. */
const projectFiles: Readonly<Record<string, unknown>> = {
  '.gitignore': '.sheikh/\nreleases/\n',
  'dataset/config.yaml':
    'validation: { schema_path: dataset/schemas/sample.json }\nprojection: { id: id, input: text, target: label }\n',
  'dataset/schemas/sample.json': sampleSchema,
  'mlops/pipeline.yaml':
    'pipeline: { name: tiny }\nstages: { validate_weights: { checks: [ { accuracy_threshold: 0.15 }, { weight_integrity: true } ] } }\n',
  'prompts/inference/ask.txt': 'What is {{ text }}?\n',
  'sheikh.config.mjs': quickTrainer,
  ...sampleFilesOf(sample),
}

/** The files of the forty samples. Most are in one file, which is faster to copy and read. */
export function sampleFilesOf(sampleOf: (index: number) => object): Readonly<Record<string, unknown>> {
  const others = Array.from({ length: 30 }, (_, index) => `${JSON.stringify(sampleOf(index + 10))}\n`)
  return {
    ...Object.fromEntries(Array.from({ length: 10 }, (_, index) => [samplePath(index), sampleOf(index)])),
    'dataset/samples/all/others.jsonl': others.join(''),
  }
}

interface Project {
  readonly root: string
  readonly repository: Repository
  /** Below the project's folder; what is no text is written as JSON. */
  put(path: string, content: unknown): void
  commit(message?: string): Promise<string>
}

/** A project in a repository of its own: committed, with an evaluation set unless it is not asked for, and its release 0.1.0 on request. */
export async function project(
  files: Readonly<Record<string, unknown>> = {},
  { pin = true, isReleased = false }: { readonly pin?: boolean; readonly isReleased?: boolean } = {},
): Promise<Project> {
  const root = join(temporaryFolder(), 'project')
  // Many tests begin with the same files.
  const digest = createHash('sha256')
  for (const [path, content] of Object.entries(files)) digest.update(`${path}\0`).update(bytesOf(content)).update('\0')
  const name = `tiny-project-${pin ? 'pinned' : 'unpinned'}-${digest.digest('hex').slice(0, 16)}`
  const made = await madeOnce(name, (folder) => makeProject(folder, files, pin))
  cpSync(isReleased ? await madeOnce(`${name}-released`, (folder) => makeRelease(folder, made)) : made, root, {
    recursive: true,
  })
  const repository = await openRepository(root)
  const put = (path: string, content: unknown) => putInto(root, path, content)
  return { root, repository, put, commit: async (message = 'Change') => commitAll(root, message) }
}

async function makeProject(root: string, files: Readonly<Record<string, unknown>>, pin: boolean): Promise<void> {
  await initGitRepository(root)
  for (const [path, content] of Object.entries({ ...projectFiles, ...files })) putInto(root, path, content)
  if (pin) await (await openRepository(root)).pinEvaluation({ share: 0.4, salt: 'tiny' })
  commitAll(root, 'Start')
}

async function makeRelease(root: string, unreleased: string): Promise<void> {
  cpSync(unreleased, root, { recursive: true })
  const { status } = await (await (await openRepository(root)).pipeline()).run()
  if (status !== 'released') throw new Error(`expected a release: ${status}`)
}

const putInto = (root: string, path: string, content: unknown) => write(root, path, bytesOf(content))
const bytesOf = (content: unknown) =>
  typeof content === 'string' || content instanceof Uint8Array ? content : JSON.stringify(content)
