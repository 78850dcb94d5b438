import assert from 'node:assert/strict'
import { callContext } from '../core/index.js'
import type { GenerateOptions, Model, TextPart } from '../model/index.js'
import type { ContractTest } from './contract-test.js'

/**
 * Tests that a model of texts fulfils the promises of `Model.generate`.
 *
 * @param make loads a model with `generate`, whose answer to `prompt` has several parts; called for each test.
 */
export function generationContract(
  test: ContractTest,
  make: () => Promise<Model<string>>,
  { prompt }: { readonly prompt: string },
): void {
  const within = (name: string, body: (model: Model<string>) => Promise<void>) =>
    test(`a model that generates ${name}`, async () => {
      await using model = await make()
      await body(model)
    })

  within('gives its prediction in parts, the last of which says why it ended', async (model) => {
    const parts = await partsOf(model, prompt)
    const [prediction] = await model.predict([prompt], callContext())
    assert.deepEqual(prediction, { kind: 'text', text: textOf(parts) })
    assert.ok(parts.length > 1)
    for (const [index, { text, end }] of parts.entries()) {
      assert.equal(end !== undefined, index === parts.length - 1)
      // A part that is cut within a character is not its own UTF-8.
      assert.equal(Buffer.from(text).toString(), text)
    }
  })

  within('gives the same answers at the same time', async (model) => {
    const alone = await partsOf(model, prompt)
    const together = await Promise.all([
      partsOf(model, prompt),
      partsOf(model, `${prompt} ${prompt}`),
      partsOf(model, prompt),
    ])
    assert.equal(textOf(together[0]), textOf(alone))
    assert.equal(textOf(together[2]), textOf(alone))
  })

  within('honours the maximum number of tokens', async (model) => {
    const { end } = (await partsOf(model, prompt, { maximumNewTokens: 1 })).at(-1)!
    assert.equal(end?.reason, 'length')
    if (end.tokens !== undefined) assert.equal(end.tokens.answer, 1)
  })

  within('stops when it is aborted, with the reason untouched, or when its reader leaves', async (model) => {
    const aborting = new AbortController()
    const reason = { why: 'enough' }
    const reading = async () => {
      for await (const _ of model.generate!(prompt, {}, callContext({ signal: aborting.signal })))
        aborting.abort(reason)
    }
    await assert.rejects(reading(), (error) => error === reason)
    for await (const _ of model.generate!(prompt, {}, callContext())) break
    assert.ok((await partsOf(model, prompt)).length > 1)
  })
}

async function partsOf(model: Model<string>, prompt: string, options: GenerateOptions = {}) {
  const parts: TextPart[] = []
  for await (const part of model.generate!(prompt, options, callContext())) parts.push(part)
  return parts
}

const textOf = (parts: readonly TextPart[]) => parts.map(({ text }) => text).join('')
