import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { callContext, canonicalJson, isSheikhError } from '../../src/core/index.js'
import { readScoreFile } from '../../src/evaluation/index.js'
import { mutate } from './mutate.js'
import { check, type Target } from './target.js'

const context = callContext()

const seeds: readonly (readonly unknown[])[] = [
  [
    { id: 'a', score: 1, target: 'cat', group: 'g', slices: { language: 'de', hard: true } },
    { id: 'b', score: 0, target: 'dog', group: 7, slices: ['hard', 'long', 3] },
    { id: 3, score: null },
    { id: 'd', score: 0.25, extra: { deep: [1, [2, [3]]] } },
  ],
  [
    { id: 'a', prediction: 'cat', target: 'cat' },
    { id: 'b', prediction: { x: 1, y: [2, 3] }, target: { y: [2, 3], x: 1 } },
    { id: 'c', prediction: [1e-7, -0.5], target: [1, 2], slices: {} },
  ],
  [
    { id: 'a', error: 'out of memory', outcome: 'error' },
    { id: 'b', score: 1, outcome: 'timeout', group: null },
    { id: 'ü', score: true, error: null, slices: null },
    { id: '\u2028', score: false, outcome: 'ok' },
  ],
]

export function scoreLines(folder: string): Target {
  const path = join(folder, 'scores.jsonl')
  return {
    async seeds() {
      return seeds.map((lines) => Buffer.from(`${lines.map((line) => JSON.stringify(line)).join('\n')}\n`))
    },
    mutate: (random, seed) => Buffer.from(mutate(random, seed.toString('latin1')), 'latin1'),
    async read(input) {
      writeFileSync(path, input)
      try {
        const { lines } = await readScoreFile(path, context)
        check(lines.length > 0, 'at least one item')
        for (const [index, { id, score, outcome, target, group, slices }] of lines.entries()) {
          check(index === 0 || lines[index - 1]!.id < id, 'ids in order, each once')
          check(score === null || Number.isFinite(score), 'a score that is finite or null')
          check(outcome === 'ok' || outcome === 'error' || outcome === 'timeout', 'a known outcome')
          check((score === null) === (outcome !== 'ok'), 'a score where there was an answer, and only there')
          check(group === undefined || typeof group === 'string', 'a group that is text')
          check(
            Object.values(slices).every((name) => typeof name === 'string'),
            'slices that are text',
          )
          // What follows makes digests of all this, which throws for what is no JSON.
          canonicalJson({ id, target, group, slices })
        }
        return 'read'
      } catch (error) {
        if (isSheikhError(error, 'evaluation-invalid')) return 'refused'
        throw error
      }
    },
  }
}
