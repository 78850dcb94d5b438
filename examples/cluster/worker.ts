// What the search and its workers have in common.
import { accuracy, Dataset, directoryStore, memorySamples, pinnedSet, proposePinnedSet } from 'sheikh-freemium'
import { textClassifier, tfjsTrainer } from 'sheikh-freemium/tfjs'
import { float, int, trialKind } from 'sheikh-freemium/tune'

const subjects = ['parcel', 'invoice', 'refund', 'account', 'delivery', 'password']
const phrases = { order: ['please send the', 'I need a'], complaint: ['where is my', 'I still wait for the'] }
const samples = Object.entries(phrases).flatMap(([label, starts]) =>
  Array.from({ length: 120 }, (_, index) => ({
    id: `${label}-${index}`,
    text: `${starts[index % 2]} ${subjects[index % 6]} ${subjects[(index * 7) % 5]} ${index}`,
    label,
  })),
)
const source = { source: memorySamples(samples), input: 'text', target: 'label' } as const
const pinned = proposePinnedSet(await new Dataset(source).identities(), { salt: 'cluster', share: 0.3 })

export const parts = {
  space: { learningRate: float(0.001, 10, { log: true }), epochs: int(1, 6) },
  dataset: new Dataset({ ...source, evaluation: pinnedSet(pinned), developmentShare: 0.3 }),
  metric: accuracy(),
  trainer: (settings: { readonly learningRate: number; readonly epochs: number }) =>
    tfjsTrainer(textClassifier({ ...settings, characters: false, buckets: 1024 })),
}

export const worker = ({ folder }: { readonly folder: string }) => ({
  store: directoryStore(folder),
  kinds: [trialKind(parts)],
})
