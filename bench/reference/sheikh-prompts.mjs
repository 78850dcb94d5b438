// Renders prompts with limits, in the thread. Arguments: the compiled rooms, a folder with ask.txt, the number of samples.
import { join } from 'node:path'
import process from 'node:process'
import { pathToFileURL } from 'node:url'
import { measure } from './chat-prompts.mjs'

const [rooms, directory, count] = process.argv.slice(2)
const load = async (room) => import(pathToFileURL(join(rooms, `${room}/index.js`)).href)
const [{ prompt }, { callContext }] = [await load('prompts'), await load('core')]
const context = callContext()
const projection = prompt('ask.txt', { directory })
await projection.load(context)
const pass = projection.openPass(context)
await measure(Number(count), (samples) =>
  pass.projectAll(
    samples,
    samples.map(({ id }) => ({ path: '', position: '', id })),
  ),
)
pass.close()
