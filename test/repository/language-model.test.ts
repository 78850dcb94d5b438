import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { readWeightsDirectory } from '../../src/model/index.js'
import { loadConfiguration } from '../../src/repository/config/index.js'
import { itInFull } from '../in-full.js'
import { tinyConfig, tokenizer } from '../trainer/llama/base.js'
import { isWhole } from '../whole.js'
import { project } from './project.js'

const tokenizerFile = (name: string) => readFileSync(join(tokenizer, name), 'utf8')
const files = {
  'sheikh.config.mjs': 'export default {}\n',
  'models/base/config.json': tinyConfig,
  'models/base/tokenizer.json': tokenizerFile('tokenizer.json'),
  'models/base/tokenizer_config.json': tokenizerFile('tokenizer_config.json'),
}
const settings = (model: string) => `
model: { architecture: llama, base: models/base, from_scratch: true${model} }
training: { num_train_epochs: ${isWhole ? 30 : 20}, per_device_train_batch_size: 8, learning_rate: 0.01, bf16: false, optim: adamw_torch }
`
const choices = ', answer: { kind: choice, choices: [fruit, vehicle] }'

async function modelProject(model: string) {
  const made = await project(files)
  const { digest } = await readWeightsDirectory(join(made.root, 'models/base'), callContext())
  made.put('mlops/training/config.yaml', settings(`${model}, base_digest: ${digest}`))
  await made.commit('a language model')
  return made
}

describe('a language model, by training/config.yaml', () => {
  itInFull('chooses, is judged by accuracy, and released as Hugging Face has it', async () => {
    const { repository, root } = await modelProject(choices)
    expect((await loadConfiguration(root, callContext())).notices).toEqual([])
    const result = await (await repository.pipeline()).run()
    expect(result).toMatchObject({ status: 'released' })
    if (result.status !== 'released') return
    expect(result.release.manifest.files.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['config.json', 'model.safetensors', 'tokenizer.json']),
    )
    expect(JSON.stringify(result.verdict.findings)).toContain('accuracy')
  })

  // test/trainer/llama trains models that write.
  itInFull('writes, and is judged by whether that is right as a whole', async () => {
    const { repository } = await modelProject(', answer: { kind: text, maximum_new_tokens: 12 }')
    const result = await (await repository.pipeline()).run()
    expect(result).toMatchObject({ status: 'released' })
    expect(JSON.stringify('verdict' in result ? result.verdict : {})).toContain('exact-match')
  })

  it('says what digest its base has where none is written, and where another one is', async () => {
    const made = await project(files)
    const { digest } = await readWeightsDirectory(join(made.root, 'models/base'), callContext())
    const other = `sha256:${'0'.repeat(64)}`
    for (const [model, code] of [
      [choices, 'invalid-config'],
      [`${choices}, base_digest: ${other}`, 'artifact-corrupt'],
    ] as const) {
      made.put('mlops/training/config.yaml', settings(model))
      await made.commit('no digest, or a wrong one')
      await expect(made.repository.pipeline().then((pipeline) => pipeline.run())).rejects.toMatchObject({
        code,
        message: expect.stringContaining(digest),
      })
    }
  })

  it('of a base outside the project is refused', async () => {
    const { put, commit, repository } = await project(files)
    for (const base of ['../base', '/etc']) {
      put('mlops/training/config.yaml', `model: { architecture: llama, base: ${base} }\n`)
      await commit('outside')
      await expect(repository.pipeline()).rejects.toMatchObject({
        code: 'invalid-config',
        message: expect.stringContaining('outside the project'),
      })
    }
  })
})
