import { Dataset, memorySamples, pinnedSet, proposePinnedSet } from 'sheikh-freemium'

/** Eighty sentences, two labels, a third of them pinned: enough for an example. */
export async function exampleDataset(): Promise<Dataset<string, string>> {
  const samples = ['apple', 'pear', 'car', 'bus'].flatMap((word, kind) =>
    Array.from({ length: 20 }, (_, index) => ({
      id: `${word}-${index}`,
      text: `${word} number ${index}`,
      label: kind < 2 ? 'fruit' : 'vehicle',
    })),
  )
  const source = memorySamples(samples)
  const identities = await new Dataset({ source, input: 'text', target: 'label' }).identities()
  const evaluation = pinnedSet(proposePinnedSet(identities, { salt: 'example', share: 0.3 }))
  return new Dataset({ source, input: 'text', target: 'label', evaluation })
}
