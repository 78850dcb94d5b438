import { describe, expect, it } from 'vitest'
import { callContext, isSheikhError } from '../../src/core/index.js'
import { initGitRepository } from '../../src/repository/git/index.js'
import { openRepository } from '../../src/repository/index.js'
import { temporaryFolder, write } from './harness.js'

const layout: Readonly<Record<string, string>> = {
  'dataset/config.yaml': `
dataset: { name: vision-qa, version: 1.0.0, license: mit, total_samples: 20 }
categories: { charts: { sample_count: 10 }, photos: { sample_count: 10 } }
annotation: { guidelines: docs/annotation.md }
validation: { schema_path: schemas/sample.json, strict_mode: true, check_image_paths: true }
projection: { id: id, input: prompts/training/ask.txt, target: answer }
`,
  'dataset/schemas/sample.json': JSON.stringify({
    $schema: 'http://json-schema.org/draft-07/schema#',
    type: 'object',
    required: ['id', 'question', 'answer'],
  }),
  'prompts/training/ask.txt': '{% if image %}<image>{{ image }}</image>\n{% endif %}{{ question }}\n',
  'mlops/pipeline.yaml': `
pipeline: { name: vision-qa, version: "1.0" }
triggers: { dataset_change: { paths: ["dataset/**"], action: validate_and_queue } }
stages:
  validate: { steps: [validate_schema, check_data_quality, validate_prompts], on_failure: notify }
  train: { depends_on: validate, config: { base_model: org/vision-3b, epochs: 3 }, resources: { gpu: 1, memory: 40Gi } }
  validate_weights:
    depends_on: train
    checks:
      - accuracy_threshold: 0.15
      - regression_check: true
      - weight_integrity: true
  release:
    targets:
      - huggingface: { repo: org/vision-qa, type: model }
      - github: { release: true, tag_format: "v{version}" }
    versioning: { strategy: semantic, auto_increment: true }
notifications: { slack: { webhook: "\${{ secrets.SLACK_WEBHOOK }}", events: [released] } }
`,
  'mlops/training/config.yaml': `
model: { base: org/vision-3b, architecture: vision-language }
training: { learning_rate: 0.0001, num_train_epochs: 3, bf16: true }
`,
}

async function project(files: Readonly<Record<string, string>> = {}) {
  const root = temporaryFolder()
  await initGitRepository(root, callContext())
  for (const [path, text] of Object.entries({ ...layout, ...files })) write(root, path, text)
  for (let index = 0; index < 20; index += 1) {
    const sample = { id: `s${index}`, question: `What is ${index}?`, answer: index % 2 === 0 ? 'even' : 'odd' }
    const image = index % 3 === 0 ? { image: `images/${index}.png` } : {}
    write(
      root,
      `dataset/samples/${index % 2 ? 'charts' : 'photos'}/s${index}.json`,
      JSON.stringify({ ...sample, ...image }),
    )
  }
  // No remote, no token.
  return { root, repository: await openRepository(root, { environment: {} }) }
}

describe('a public repository without a trainer, a token or a remote', () => {
  it('is pinned and validated, and learns what a run needs', async () => {
    const { repository } = await project()
    expect((await repository.pinEvaluation({ share: 0.3 })).set.items.length).toBeGreaterThan(0)
    const { problems, missing, summary, schema, next, notices } = await repository.inspect()
    expect(problems).toEqual([])
    expect(summary?.counts.rows).toBe(20)
    expect(schema).toBe('dataset/schemas/sample.json')
    expect(missing.map(({ message }) => message)).toEqual([
      expect.stringContaining('"vision-language"'),
      expect.stringContaining('GITHUB_REPOSITORY'),
    ])
    expect(next[0]).toContain('commandTrainer')
    expect(notices.map(({ key }) => key)).toContain('annotation')
    await repository.validate()
  })

  it('is planned, and the plan says what is unresolved', async () => {
    const { repository } = await project()
    await repository.pinEvaluation({ share: 0.3 })
    const { outcome, counts, unresolved } = await repository.plan()
    expect({ outcome, rows: counts.rows }).toEqual({ outcome: 'refused-dirty', rows: 20 })
    expect(unresolved).toEqual([
      expect.stringContaining('commandTrainer'),
      expect.stringContaining('GITHUB_REPOSITORY'),
    ])
  })

  it('reports every error at once', async () => {
    const { repository, root } = await project({ 'prompts/inference/broken.txt': '{{ question' })
    write(root, 'dataset/samples/charts/bad.json', '{ "id": "bad" }')
    const { problems, missing } = await repository.inspect()
    expect(problems.map(({ code }) => code)).toEqual(['dataset-invalid', 'template-invalid'])
    expect(missing).toHaveLength(2)
    await expect(repository.validate()).rejects.toSatisfy((error) => isSheikhError(error, 'dataset-invalid'))
  })
})

it.each([
  ['dataset/schemas/sample.json', 'dataset/schemas/sample.json'],
  ['./schemas/sample.json', 'dataset/schemas/sample.json'],
  ['../schemas/top.json', 'schemas/top.json'],
  ['schemas/top.json', 'schemas/top.json'],
])('a schema is found from the project and from dataset/: %s', async (path, found) => {
  const { repository } = await project({
    'schemas/top.json': '{}',
    'dataset/config.yaml': `validation: { schema_path: ${path} }\nprojection: { input: question, target: answer }\n`,
  })
  expect(await repository.inspect()).toMatchObject({ schema: found })
})

it('a Hub id as the base of a language model is named, with the command that fetches it', async () => {
  const { repository } = await project({
    'mlops/training/config.yaml': 'model: { base: org/small, architecture: llama }\n',
  })
  const { missing } = await repository.inspect()
  expect(missing[0]?.message).toMatch(
    /hf download org\/small --local-dir models\/small\. Then set model\.base: models\/small/,
  )
})
