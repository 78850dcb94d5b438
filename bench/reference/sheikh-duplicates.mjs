// Groups of near-duplicates in a folder of samples, and the peak memory in KiB. Arguments: compiled rooms, the folder, similarity.
import { join } from 'node:path'
import process from 'node:process'
import { pathToFileURL } from 'node:url'
import { peakMemoryKb } from './peak-memory.mjs'

const [rooms, folder, similarity] = process.argv.slice(2)
const { checkQuality, Dataset, sampleFiles } = await import(pathToFileURL(join(rooms, 'dataset/index.js')).href)
const dataset = new Dataset({ source: sampleFiles(folder), input: 'text' })
const off = { secret: 'off', charset: 'off', leakage: 'off', labelConflict: 'off', labelError: 'off' }
const { findings } = await checkQuality(dataset, {
  evaluation: 'none',
  duplicate: { similarity: Number(similarity) },
  ...off,
})
const groups = findings.filter(({ kind }) => kind === 'duplicate').map(({ ids }) => ids)
process.stdout.write(JSON.stringify({ groups, maxRss: peakMemoryKb() }))
