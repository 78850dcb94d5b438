// npm run test:fuzz -- [safetensors | score-lines | evaluation | ledger]… [--cases 100000] [--seed any] [--from 0]
// Reads mutated files. What is not read as promised, or refused as documented, fails; so does what does not end.
import { fork } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Report, type TargetName, targetNames, type Work } from './work.js'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    cases: { type: 'string', default: '100000' },
    seed: { type: 'string', default: String(randomInt(2 ** 32)) },
    from: { type: 'string', default: '0' },
  },
})
const { seed } = values
const [cases, from] = [Number(values.cases), Number(values.from)]
const unknown = positionals.filter((name) => !targetNames.includes(name as TargetName))
if (unknown.length > 0 || !Number.isSafeInteger(cases) || cases < 1 || !Number.isSafeInteger(from) || from < 0) {
  console.error(`There is ${unknown.join(', ') || 'a number'} that cannot be used. Readers: ${targetNames.join(', ')}.`)
  process.exit(1)
}
/** A small file is read in well under a millisecond. */
const longestMs = 20_000

console.log(`seed ${seed}`)
for (const target of targetNames.filter((name) => positionals.length === 0 || positionals.includes(name)))
  if (!(await fuzz(target))) process.exitCode = 1

/** @returns whether nothing failed. */
async function fuzz(target: TargetName): Promise<boolean> {
  const startedMs = performance.now()
  // Made and removed here: a process that had to be killed leaves its files.
  const folder = mkdtempSync(join(tmpdir(), 'sheikh-fuzz-'))
  const work: Work = { target, seed, from, cases, folder }
  const child = fork(new URL('run.ts', import.meta.url), [JSON.stringify(work)], {
    execArgv: [...process.execArgv, '--max-old-space-size=512'],
  })
  const again = (number: number) => `npm run test:fuzz -- ${target} --seed ${seed} --from ${number} --cases 1`
  let number = from
  let lastMs = startedMs
  let end: Extract<Report, { type: 'end' }> | undefined
  const watch = setInterval(() => {
    if (performance.now() - lastMs > longestMs) child.kill('SIGKILL')
  }, 1000)
  child.on('message', (message: Report) => {
    lastMs = performance.now()
    if (message.type === 'case') number = message.number
    else if (message.type === 'end') end = message
    else console.error(`${target}: case ${number} failed\n${message.reason}\n${message.base64}\n${again(number)}`)
  })
  // What it said last may come after its end.
  const disconnected = once(child, 'disconnect')
  const [status, signal] = (await once(child, 'exit')) as [number | null, string | null]
  await disconnected
  clearInterval(watch)
  rmSync(folder, { recursive: true })
  if (end === undefined) {
    console.error(`${target}: case ${number} ended the process (${signal ?? status})\n${again(number)}`)
    return false
  }
  const { read, refused, failures } = end
  const format = (value: number) => value.toLocaleString('en')
  console.log(
    `${target}: ${format(read + refused + failures)} cases, ${failures} failures` +
      ` (${format(read)} read, ${format(refused)} refused; ${Math.round((performance.now() - startedMs) / 1000)} s)`,
  )
  return failures === 0
}
