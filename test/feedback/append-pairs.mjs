// Appends pairs of entries and says the number of each. Arguments: the built feedback room, the folder, a name for the
// ids, how many pairs.
import { mkdirSync, writeSync } from 'node:fs'

const [, , room, folder, name, count] = process.argv
const { directoryFeedback } = await import(room)
const store = directoryFeedback(folder)
const context = { signal: new AbortController().signal, clock: { nowMs: () => Date.now() }, log: {} }
const release = { version: '0.1.0', bundle: `sha256:${'0'.repeat(64)}` }
mkdirSync(folder, { recursive: true })
for (let number = 0; number < Number(count); number += 1) {
  const ofPair = (index) => ({
    kind: 'prediction',
    id: `${name}-${number}/${index}`,
    timeMs: number,
    release,
    input: 'x'.repeat((number * 997) % 5000),
    prediction: { kind: 'number', value: number },
  })
  try {
    await store.append([ofPair(0), ofPair(1)], context)
    writeSync(1, `${number}\n`)
  } catch (error) {
    writeSync(2, `${error.code}: ${error.message}\n`)
    process.exitCode = 4
  }
}
