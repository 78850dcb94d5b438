import type { PromptSnapshot, PromptTexts, SnapshotSample } from '../prompts/index.js'
import { count } from './markdown.js'
import { shortDigest, type TextBlock, textBlock } from './prompt-texts.js'
import type { Section } from './section.js'

const choices = { shortest: 'shortest', median: 'median', longest: 'longest', 'by-id': 'by id' } as const

/** How a few samples look after rendering, and what the template changed in them. Text only with `texts`. */
export function promptsSection(snapshot: PromptSnapshot, texts: PromptTexts | undefined): Section {
  const { template, released, rows, characters, samples } = snapshot
  const isChanged = released !== undefined && released.digest !== template.digest
  const isCompared = isChanged && samples.some(({ before }) => before !== undefined)
  const differing = samples.filter(({ digest, before }) => before !== undefined && before?.digest !== digest)
  const notes = [
    `${count(rows)} samples were rendered by ${template.path} (${shortDigest(template.digest)}): ${count(characters.minimum)} to ${count(characters.maximum)} characters, median ${count(characters.median)}, 95 % have at most ${count(characters.p95)}.`,
    ...(isChanged
      ? [
          `The template of release ${released.version} is another one (${shortDigest(released.digest)}).`,
          isCompared
            ? `Of these samples, ${differing.length} of ${samples.length} look different.`
            : 'Its text is not in this clone, so the samples are not compared.',
        ]
      : []),
    ...(released !== undefined && !isChanged ? [`Release ${released.version} has the same template.`] : []),
    ...(texts === undefined ? [] : ['Secrets are hidden.']),
  ]
  return {
    heading: 'Rendered prompts',
    header: ['Sample', 'Chosen as', 'Characters', 'Before', 'Digest'],
    rows: samples.map((sample) => [
      sample.id,
      choices[sample.choice],
      count(sample.characters),
      isCompared ? beforeText(sample) : undefined,
      shortDigest(sample.digest),
    ]),
    note: notes.join(' '),
    ...(texts !== undefined && { texts: blocksOf(samples, texts) }),
  }
}

function beforeText({ digest, before }: SnapshotSample): string {
  if (before === undefined) return '–'
  if (before === null) return 'could not be rendered'
  return before.digest === digest ? 'the same' : count(before.characters)
}

function blocksOf(samples: readonly SnapshotSample[], texts: PromptTexts): readonly TextBlock[] {
  const byId = new Map(texts.map((one) => [one.id, one]))
  return samples.flatMap(({ id, choice }) => {
    const found = byId.get(id)
    return found === undefined ? [] : [textBlock(`${id} (${choices[choice]})`, found.text, found.before)]
  })
}
