// The clients of Triton (Open Inference Protocol), MLflow and OpenAI, and a server of ours.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { releasedModel, serverOf } from '../serve/fixture.js'
import { servingPython } from './serving-clients.js'

const python = servingPython()
const token = 'not-a-real-token'

async function ask(client: 'triton' | 'mlflow' | 'openai', url: string): Promise<Readonly<Record<string, unknown>>> {
  const program = join(import.meta.dirname, 'serving.py')
  // Without the folder of the program, whose statistics.py is not Python's own.
  const { stdout } = await promisify(execFile)(python!, ['-I', program, client, url, token])
  return JSON.parse(stdout) as Readonly<Record<string, unknown>>
}

if (python === undefined)
  console.log('Skipped: the clients are not installed. npm run setup:interop installs them, or says why it cannot')

describe.skipIf(python === undefined)('a server of ours answers', () => {
  it("Triton's client", async () => {
    const { url } = await serverOf({ name: 'mail', token })
    expect(await ask('triton', url)).toEqual({
      ready: [true, true, true, true],
      metadata: expect.objectContaining({ name: 'mail', versions: ['0.1.0'] }),
      id: '7',
      labels: ['vehicle', 'fruit'],
      probabilities: [
        [0, 1],
        [1, 0],
      ],
      only: ['vehicle', 'fruit'],
      binary: expect.stringContaining('binary_data=False'),
      withoutToken: expect.stringContaining('[401]'),
      otherVersion: expect.stringContaining('[404]'),
    })
  })

  it("MLflow's client", async () => {
    const { url } = await serverOf()
    expect(await ask('mlflow', url)).toEqual({
      version: '0.1.0',
      frame: ['vehicle', 'fruit'],
      list: ['vehicle', 'fruit'],
      refused: expect.stringContaining('no parameters'),
    })
  })

  it("OpenAI's client", async () => {
    const model = await releasedModel()
    const { url } = await serverOf(
      { name: 'mail', token, smokeInputs: [] },
      {
        ...model,
        async *generate(prompt) {
          yield { text: prompt.slice(0, -1) }
          yield { text: prompt.slice(-1), end: { reason: 'stop', tokens: { prompt: 4, answer: 2 } } }
        },
        chatPrompt: async ([first]) => `${first!.role} ${first!.content}`,
      },
    )
    expect(await ask('openai', url)).toEqual({
      models: ['mail'],
      parts: ['user plum ', 'ü'],
      usage: 6,
      whole: ['user plum ü', 'stop'],
      completion: 'plum ü',
      refused: [
        [400, 'n'],
        [400, 'logprobs'],
        [400, 'temperature'],
      ],
    })
  })
})
