// Writes the address of every module that the process loads, one a line, to the file in LOADED_FILE.
import { appendFileSync } from 'node:fs'
import { register } from 'node:module'

const file = process.env.LOADED_FILE
if (file !== undefined) register(import.meta.url)

export async function load(url, context, nextLoad) {
  appendFileSync(file, `${url}\n`)
  return nextLoad(url, context)
}
