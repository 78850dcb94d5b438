import {
  accuracy,
  atLeast,
  Dataset,
  memorySamples,
  memoryStore,
  Pipeline,
  qualityGate,
  type Trainer,
} from 'sheikh-freemium'
import { memoryRegistry } from 'sheikh-freemium/testing'

// A trainer for other inputs than the dataset's is an error on its own line.
export const wrong = (trainer: Trainer<number, string>) =>
  new Pipeline({
    dataset: new Dataset({
      source: memorySamples([{ id: '1', text: 'a', label: 'b' }]),
      input: 'text',
      target: 'label',
    }),
    // @ts-expect-error the dataset's input is text, the trainer wants numbers
    trainer,
    gate: qualityGate([atLeast(accuracy(), 0.15)]),
    releaser: memoryRegistry(),
    store: memoryStore(),
  })
