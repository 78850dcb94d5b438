// A program as a trainer: it learns the label of each input's first word. `config.fault` has it go wrong in one way.
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const [, , mode, requestFile] = process.argv
const { config, paths, seed } = JSON.parse(readFileSync(requestFile, 'utf8'))
const fault = config?.fault
const say = (value) => console.log(JSON.stringify(value))
const forever = () => new Promise(() => setInterval(() => {}, 1000))
// 8 bytes of length, a header, then [1] as float32 little-endian.
const safetensors = (values) => {
  const header = `{"w":{"dtype":"F32","shape":[${values.length}],"data_offsets":[0,${4 * values.length}]}}`
  const padded = Buffer.from(header.padEnd(Math.ceil(header.length / 8) * 8))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(padded.length))
  return Buffer.concat([length, padded, Buffer.from(Float32Array.from(values).buffer)])
}

if (mode === 'fit') await train()
else await predict()

function readTable(folder) {
  return JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'))
}

async function train() {
  const rows = readFileSync(paths.training, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  console.log(`training on ${rows.length} rows, seed ${seed}, token ${process.env.MY_TOKEN ?? 'none'}`)
  say({ environment: { packages: { 'first-word': '1.2.3' }, device: { name: 'paper' } } })
  say({ progress: { epoch: 1, epochs: 2, step: 1, steps: 2, loss: 0.5, learningRate: 0.1 } })
  if (fault === 'crash') {
    console.error('Traceback: no such tensor')
    process.exit(3)
  }
  if (fault === 'nan')
    console.log('{"progress":{"epoch":1,"epochs":2,"step":2,"steps":2,"loss":NaN,"learningRate":0.1}}')
  if (fault === 'kill') process.kill(process.pid, 'SIGKILL')
  if (fault === 'hang') {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
    process.on('SIGTERM', () => {})
    say({ pids: [process.pid, child.pid] })
    writeFileSync(config.pidFile, JSON.stringify([process.pid, child.pid]))
    await forever()
  }
  const words = {}
  const base = paths.base === undefined ? undefined : readTable(paths.base)
  if (base !== undefined && base.architecture !== 'first-word') {
    console.error(`the base is of the architecture ${JSON.stringify(base.architecture)}`)
    process.exit(5)
  }
  Object.assign(words, base?.words)
  for (const { input, target } of rows) words[input.split(' ')[0]] = target
  const labels = [...new Set(Object.values(words))].sort()
  const earlier = base === undefined ? undefined : (base.earlier ?? 0) + 1
  if (fault !== 'nothing') {
    writeFileSync(
      join(paths.weights, 'config.json'),
      JSON.stringify({ architecture: 'first-word', words, labels, earlier }),
    )
    writeFileSync(join(paths.weights, 'model.safetensors'), safetensors(fault === 'infinite' ? [Infinity] : [1]))
  }
  if (fault === 'pickle') writeFileSync(join(paths.weights, 'model.pt'), 'anything')
  say({ progress: { epoch: 2, epochs: 2, step: 2, steps: 2, loss: 0.25, learningRate: 0 } })
}

async function predict() {
  const { architecture, words, labels } = readTable(paths.weights)
  if (architecture !== 'first-word') {
    say({ error: `the architecture is ${JSON.stringify(architecture)}` })
    return
  }
  say({ ready: true, labels })
  for await (const line of createInterface({ input: process.stdin })) {
    const { inputs } = JSON.parse(line)
    console.log(`asked about ${inputs.length}`)
    if (inputs.includes('crash')) process.exit(4)
    // One that was killed over this input answers it after a restart.
    if (inputs.includes('kill once') && !existsSync(config.killedFile)) {
      writeFileSync(config.killedFile, '')
      process.kill(process.pid, 'SIGKILL')
    }
    if (inputs.includes('hang')) await forever()
    if (inputs.includes('few')) say({ predictions: [] })
    else if (inputs.includes('odd')) say({ predictions: inputs.map(() => ({ kind: 'guess' })) })
    else if (inputs.includes('nan')) console.log('{"predictions":[{"kind":"number","value":NaN}]}')
    else if (inputs.includes('error')) say({ error: 'this input is too long' })
    else
      say({
        predictions: inputs.map((input) => {
          const label = words[input.split(' ')[0]] ?? labels[0]
          return {
            kind: 'label',
            label,
            probabilities: Object.fromEntries(labels.map((name) => [name, name === label ? 1 : 0])),
          }
        }),
      })
    if (config?.batches === 1) process.exit()
  }
}
