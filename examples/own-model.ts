// A LayersModel of your own, trained, judged and released. Run: npx tsx examples/own-model.ts (with @tensorflow/tfjs installed)
import {
  accuracy,
  atLeast,
  Dataset,
  loadRelease,
  memorySamples,
  Pipeline,
  pinnedSet,
  proposePinnedSet,
  qualityGate,
} from 'sheikh-freemium'
import { memoryRegistry } from 'sheikh-freemium/testing'
import { layersModel, tfjsTrainer } from 'sheikh-freemium/tfjs'
import { z } from 'zod'

// Pictures of 8 × 8: stripes across, along, or a checkerboard, each shifted, and with noise in it.
const shapes = {
  across: (row: number, _: number) => row % 4 < 2,
  along: (_: number, column: number) => column % 4 < 2,
  checks: (row: number, column: number) => row % 4 < 2 === column % 4 < 2,
}
const samples = Object.entries(shapes).flatMap(([label, isBright]) =>
  Array.from({ length: 60 }, (_, index) => ({
    id: `${label}-${index}`,
    label,
    pixels: Array.from({ length: 64 }, (_, at) => {
      const noise = Math.sin((at + 1) * 12.9898 + index * 78.233) // no chance: the same samples in every run
      return Number(isBright((at >> 3) + index, (at & 7) + (index >> 2))) + 0.4 * noise
    }),
  })),
)

const pictures = layersModel({
  answer: 'label',
  version: '1', // raised whenever the code below changes
  epochs: 8,
  learningRate: 0.01,
  input: (pixels: number[]) => pixels,
  build: (tf, { labels }) =>
    tf.sequential({
      layers: [
        tf.layers.conv2d({ filters: 8, kernelSize: 3, activation: 'relu', inputShape: [8, 8, 1] }),
        tf.layers.globalAveragePooling2d({}),
        tf.layers.dropout({ rate: 0.1 }),
        tf.layers.dense({ units: labels.length }),
      ],
    }),
})

const projection = {
  source: memorySamples(samples),
  schema: z.object({ id: z.string(), label: z.string(), pixels: z.array(z.number()).length(64) }),
  input: 'pixels',
  target: 'label',
} as const
const identities = await new Dataset(projection).identities()
const evaluation = pinnedSet(proposePinnedSet(identities, { salt: 'pictures', share: 0.3 }))
const trainer = tfjsTrainer(pictures)
const releaser = memoryRegistry()
const pipeline = new Pipeline({
  dataset: new Dataset({ ...projection, evaluation }),
  trainer, // another type of input is an error on this line
  gate: qualityGate([atLeast(accuracy(), 0.7)]),
  releaser,
})
const result = await pipeline.run()
if (result.status !== 'released') throw new Error(`expected a release, and it is ${result.status}`)
console.log(`released ${result.release.version}: ${result.verdict.summary}`)

await using model = await loadRelease(releaser, { channel: 'latest', trainer })
console.log(await model.predict([samples[0]!.pixels]))
