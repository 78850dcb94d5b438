import { existsSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { addressProblem, callContext, isSheikhError, plainPath } from '../../src/core/index.js'
import { githubRegistry } from '../../src/github.js'
import { huggingFaceRegistry } from '../../src/huggingface.js'
import {
  commandTrainer,
  directoryRegistry,
  directoryStore,
  jsonSchemaFile,
  loadRelease,
  type Pipeline,
  pinnedFile,
  prompt,
  readScoreFile,
  sampleFiles,
  trackByMlflow,
  trackByTensorBoard,
} from '../../src/index.js'
import { readWeightsDirectory } from '../../src/model/index.js'
import { initRepository, openRepository } from '../../src/repository.js'
import { s3Registry } from '../../src/s3.js'

const context = callContext()
const program = { fit: ['true'], predict: ['true'] } as const
const pipeline = {} as Pipeline<never, never>
const trainer = { load: () => Promise.reject(new Error('nothing to load')) }

async function refused(use: () => unknown): Promise<string> {
  const error = await (async () => use())().catch((thrown: unknown) => thrown)
  expect(isSheikhError(error, 'invalid-options') && typeof error.facts['setting']).toBe('string')
  return String(error)
}

describe('a path that begins with "~"', () => {
  it.each<[string, () => unknown]>([
    ['a registry', () => directoryRegistry('~/releases')],
    ['a store', () => directoryStore('~')],
    ['samples', () => sampleFiles('~/samples')],
    ['a schema', () => jsonSchemaFile('~/schema.json')],
    ['an evaluation set', () => pinnedFile('~/evaluation.json')],
    ['a prompt', () => prompt('~/a.txt')],
    ['the directory of a prompt', () => prompt('a.txt', { directory: '~ada/prompts' })],
    ['a score file', () => readScoreFile('~/scores.jsonl', context)],
    ['weights', () => readWeightsDirectory('~/weights', context)],
    ['a cache', () => loadRelease(directoryRegistry('nowhere'), { trainer, cache: '~/cache' })],
    ['TensorBoard', () => trackByTensorBoard(pipeline, { directory: '~/logs' })],
    ['the directory of a program', () => commandTrainer({ ...program, directory: '~/train' })],
    ['its inputs', () => commandTrainer({ ...program, inputs: ['~/train.py'] })],
    ['its working directory', () => commandTrainer({ ...program, fit: { command: 'true', cwd: '~' } })],
    ['a new project', () => initRepository('~/project')],
    ['a project', () => openRepository('~/project')],
  ])('is refused for %s, with the remedy', async (_, use) => {
    expect(await refused(use)).toMatch(/begins with "~", which is not expanded.*write "\.\/~/)
    expect(existsSync('~')).toBe(false)
  })

  it('is told from a name', () => {
    for (const name of ['./~/x', 'a/~', 'x~', '~$table.csv', '~ x']) expect(plainPath(name, 'x')).toBe(name)
  })
})

describe('an address without a scheme', () => {
  it.each<[string, () => unknown]>([
    ['endpoint', () => huggingFaceRegistry({ repository: 'me/x', endpoint: 'localhost:9000' })],
    ['endpoint', () => s3Registry({ address: 's3://abc', endpoint: 'localhost:9000' })],
    ['baseUrl', () => githubRegistry({ repository: 'me/x', baseUrl: 'localhost:9000' })],
    ['trackingUri', () => trackByMlflow(pipeline, { trackingUri: 'localhost:9000' })],
  ])('is refused as %s, with what to write', async (setting, use) => {
    expect(await refused(use)).toContain(
      `Cannot use ${setting}: "localhost:9000" has no scheme. Write http://localhost:9000.`,
    )
  })

  it.each([
    ['hub.example.com', '"hub.example.com" has no scheme. Write https://hub.example.com'],
    ['[::1]:80', '"[::1]:80" has no scheme. Write http://[::1]:80'],
    ['/var/x', '"/var/x" has no scheme. Write it like https://a.example'],
    [
      'ftp://a.example',
      '"ftp://a.example" is not a URL that begins with http:// or https://. Write it like https://a.example',
    ],
    ['http://', '"http://" is not a URL that begins with http:// or https://. Write it like https://a.example'],
    ['me:secret@host', 'the address has no scheme. Write it like https://a.example'],
  ])('%s', (address, problem) => {
    expect(addressProblem(address, 'https://a.example')).toBe(problem)
  })

  it.each(['http://localhost:9000', 'HTTPS://hub.example.com/a'])('is not %s', (address) => {
    expect(addressProblem(address, 'x')).toBeUndefined()
  })
})
