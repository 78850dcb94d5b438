// Loads and validates a folder of samples as a user's script: sheikh-data.mjs <the package, built> <folder> <schema>. Prints
// what the whole process took. Like the peer, it keeps no row as an object.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { peakMemoryKb } from './peak-memory.mjs'

const [dist, directory, schema] = process.argv.slice(2)
const { Dataset, sampleFiles } = await import(pathToFileURL(join(dist, 'index.js')).href)
const dataset = new Dataset({
  ...{ source: sampleFiles(directory), schema: JSON.parse(readFileSync(schema, 'utf8')), id: 'id' },
  ...{ input: 'text', target: 'label' },
})
const { size } = (await dataset.contents()).whole()
console.log(JSON.stringify({ rows: size, seconds: performance.now() / 1000, peakKb: peakMemoryKb() }))
