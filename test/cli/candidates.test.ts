import { describe, expect, it } from 'vitest'
import { project } from '../repository/project.js'
import { sheikh } from './harness.js'

const trainingFile = 'mlops/training/config.yaml'
const builtIn = { 'sheikh.config.mjs': 'export default {}\n' }
const candidates = `training: { num_train_epochs: 2 }
candidates:
  longer: { num_train_epochs: 4 }
  other-seed: { seed: 1 }
`

describe('candidates of mlops/training/config.yaml', () => {
  it('are planned, trained, judged, reported and kept', async () => {
    const { root } = await project({ ...builtIn, [trainingFile]: candidates })
    const plan = await sheikh(root, ['plan'])
    expect(plan.out).toContain('train and judge 3 candidates')
    const run = await sheikh(root, ['run'])
    expect(run).toMatchObject({ code: 0 })
    expect(run.out).toMatch(/Candidates \(\* is the chosen one\):(\n[ *] (trainer|longer|other-seed): pass){3}/)
    expect(run.err).toMatch(/train longer/)
    const { out } = await sheikh(root, ['ledger', 'show'])
    expect(out).toContain('candidate longer of 3')
    const report = await sheikh(root, ['report'])
    expect(report.out).toContain('| Candidate | Chosen | Result | accuracy | Why |')
    const history = JSON.parse((await sheikh(root, ['history', '--json'])).out)
    expect(JSON.stringify(history)).toContain('"chosen":true')
    expect((await sheikh(root, ['log', '0.1.0'])).out).toMatch(/Candidate [\w-]+ \(released\): pass\. /)
    const again = JSON.parse((await sheikh(root, ['run', '--json'])).out)
    expect(again).toMatchObject({ status: 'up-to-date' })
    expect(JSON.parse((await sheikh(root, ['reproduce', '--json'])).out)).toMatchObject({ status: 'reproduced' })
  })

  it.each([
    ['{ a: { learning_rate: -1 } }', /"candidates\.a/],
    ['{ a: { device: wasm } }', /"candidates\.a/],
    ['{ a: { packing: true, seed: 1 } }', /only a language model has packing/],
    ['{ "A b": { seed: 1 } }', /a name has 1 to 40/],
    ['{ trainer: { seed: 1 } }', /config\.yaml", line 1, column 13: .* is called "trainer"/],
    ['{ a: {} }', /it is trained as "trainer" is.*training\/config\.yaml/],
    ['{ a: { seed: 0 } }', /it is trained as "trainer" is.*training\/config\.yaml/],
    ['{ a: { seed: 1 }, b: { seed: 1 } }', /it is trained as "a" is.*training\/config\.yaml/],
  ])('%s are refused', async (text, message) => {
    const { root, put } = await project(builtIn)
    put(trainingFile, `candidates: ${text}\n`)
    const { code, err } = await sheikh(root, ['run', '--allow-dirty'])
    expect(code).toBe(1)
    expect(err).toMatch(message)
  })

  it('of a trainer of the host can only have a seed', async () => {
    const { root, put } = await project({ [trainingFile]: 'candidates: { again: { seed: 1 } }\n' })
    expect((await sheikh(root, ['plan'])).out).toContain('train and judge 2 candidates')
    put(trainingFile, 'candidates: { longer: { num_train_epochs: 9 } }\n')
    const { err } = await sheikh(root, ['run', '--allow-dirty'])
    expect(err).toContain('Cannot make the candidate "longer" with num_train_epochs')
  })
})
