import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openRepository } from '../../src/repository/index.js'
import { project } from '../repository/project.js'
import { sheikh } from './harness.js'

const trainingFile = 'mlops/training/config.yaml'
const builtIn = { 'sheikh.config.mjs': 'export default {}\n' }
const ensemble = `training: { num_train_epochs: 2 }
ensemble:
  shares: { longer: 2 }
  members:
    plain: {}
    longer: { num_train_epochs: 4 }
`
const digest = `sha256:${'a'.repeat(64)}`

describe('an ensemble of mlops/training/config.yaml', () => {
  it('is planned, trained, released, loaded and made again', async () => {
    const { root } = await project({ ...builtIn, [trainingFile]: ensemble })
    expect((await sheikh(root, ['plan'])).out).toContain('train and judge a model')
    expect(await sheikh(root, ['run'])).toMatchObject({ code: 0 })
    const [release] = JSON.parse((await sheikh(root, ['history', '--json'])).out).releases
    expect(release.record.candidate.trainer.describe).toMatchObject({
      combine: 'mean',
      members: [
        { name: 'plain', share: 1, trainer: { describe: { options: { epochs: 2 } } } },
        { name: 'longer', share: 2, trainer: { describe: { options: { epochs: 4 } } } },
      ],
    })
    expect((await sheikh(root, ['predict', 'anything'])).code).toBe(0)
    await using model = await (await openRepository(root)).loadModel()
    expect(await model.predict(['anything'])).toMatchObject([{ kind: 'label' }])
    expect(JSON.parse((await sheikh(root, ['run', '--json'])).out)).toMatchObject({ status: 'up-to-date' })
    expect(JSON.parse((await sheikh(root, ['reproduce', '--json'])).out)).toMatchObject({ status: 'reproduced' })
    expect((await sheikh(root, ['why', 'train'])).code).toBe(0)
  })

  it('has releases as members, and is an ensemble in each candidate', async () => {
    const { root, put, commit } = await project({ ...builtIn, [trainingFile]: 'training: { num_train_epochs: 2 }\n' })
    await sheikh(root, ['run'])
    const [{ version, bundle }] = JSON.parse((await sheikh(root, ['history', '--json'])).out).releases
    const members = `{ before: { release: { version: ${version}, digest: "${bundle}" } }, longer: { num_train_epochs: 4 } }`
    put(trainingFile, `ensemble: { members: ${members} }\ncandidates: { slow: { learning_rate: 0.1 } }\n`)
    await commit()
    const plan = await sheikh(root, ['plan'])
    expect(plan.out).toContain(`train and judge 2 candidates with the release ${version}`)
    const { out } = await sheikh(root, ['run', '--json'])
    expect(JSON.parse(out)).toMatchObject({ status: expect.stringMatching(/released|held|awaiting-approval/) })
    put(trainingFile, `ensemble: { members: ${members.replace(bundle, digest)} }\n`)
    await commit()
    const refused = await sheikh(root, ['run'])
    expect(refused).toMatchObject({ code: 1, err: expect.stringContaining(`Cannot use ${version}: the registry has`) })
  })

  it('remembers what its releases were trained on', async () => {
    const gate =
      'stages: { validate_weights: { when_inconclusive: release, checks: [ { accuracy_threshold: 0.15 } ] } }\n'
    const { root, put, commit } = await project({ ...builtIn, 'mlops/pipeline.yaml': gate })
    const extra = { id: 'extra', text: 'an extra text', label: 'fruit' }
    put('dataset/samples/all/extra.json', extra)
    await commit()
    await sheikh(root, ['run'])
    const [{ version, bundle }] = JSON.parse((await sheikh(root, ['history', '--json'])).out).releases
    await rm(join(root, 'dataset/samples/all/extra.json'))
    put(
      trainingFile,
      `ensemble: { members: { before: { release: { version: ${version}, digest: "${bundle}" } }, now: {} } }\n`,
    )
    await commit()
    expect(JSON.parse((await sheikh(root, ['run', '--json'])).out)).toMatchObject({ status: 'released' })
    expect((await sheikh(root, ['blame', 'extra'])).out).toContain(
      `did not use it itself; made from ${version}, which was trained on it`,
    )
    const withdrawal = await sheikh(root, ['withdraw', version, '--reason', 'wrong labels', '--by', 'Ada'])
    expect(withdrawal.err).toMatch(`was made of ${version}, which is withdrawn, and may have its faults`)
    expect((await sheikh(root, ['status'])).out).toContain(`Made of ${version}, which is withdrawn (wrong labels).`)
    expect(JSON.parse((await sheikh(root, ['status', '--json'])).out).current.withdrawnPart).toBe(version)
    expect((await sheikh(root, ['plan'])).out).toContain(`was made of ${version}, which is withdrawn (wrong labels)`)
  })

  it('loads releases from before it, after it, with other members, and an ensemble as a member', async () => {
    const gate =
      'stages: { validate_weights: { when_inconclusive: release, checks: [ { accuracy_threshold: 0.15 } ] } }\n'
    const { root, put, commit } = await project({ ...builtIn, 'mlops/pipeline.yaml': gate })
    const newest = async () => JSON.parse((await sheikh(root, ['history', '--json'])).out).releases[0]
    const configure = async (text: string) => {
      put(trainingFile, text)
      await commit()
    }
    const answers = async () => expect(await sheikh(root, ['predict', 'anything'])).toMatchObject({ code: 0 })
    const membersWith = ({ version, bundle }: { readonly version: string; readonly bundle: string }) =>
      `ensemble: { members: { before: { release: { version: ${version}, digest: "${bundle}" } }, longer: { num_train_epochs: 4 } } }\n`
    await sheikh(root, ['run'])
    await configure(membersWith(await newest()))
    expect(await sheikh(root, ['run'])).toMatchObject({ code: 0 })
    const both = await newest()
    await configure('ensemble: { members: { other: {}, longer: { num_train_epochs: 2 } } }\n')
    await answers()
    await configure('training: { num_train_epochs: 2 }\n')
    await answers()
    await configure(membersWith(both))
    expect(await sheikh(root, ['run'])).toMatchObject({ code: 0 })
    await answers()
    expect((await newest()).record.candidate.releases).toMatchObject([{ version: both.version }])
    expect(await sheikh(root, ['rollback', '--to', '0.1.0', '--reason', 'wrong', '--by', 'ada'])).toMatchObject({
      code: 0,
    })
    await answers()
  })

  it.each([
    ['{ members: { a: {} } }', /line 3, column 11: "ensemble\.members": expected at least two members, not 1/],
    ['{ members: { a: {}, b: } }', /"ensemble\.members\.b": no value; write \{\} for an empty one/],
    ['{ members: { a: {}, b: { learning_rate: } } }', /"ensemble\.members\.b\.learning_rate": no value/],
    ['{ members: { a: {}, B: {} } }', /line 3.*"ensemble\.members\.B": expected a name/],
    ['{ members: { a: {}, b: { seed: 1 } } }', /line 3.*"ensemble\.members\.b"/],
    ['{ members: { a: {}, b: {} }, shares: { c: 1 } }', /line 3.*"ensemble\.shares": "c" is no member/],
    ['{ members: { a: {}, b: {} }, shares: { a: 0 } }', /line 3.*"ensemble\.shares\.a"/],
    ['{ members: { a: {}, b: { release: { version: 1.2.0 } } } }', /line 3.*release\.digest": expected the digest/],
    [`{ members: { a: {}, b: { release: { version: x, digest: "${digest}" } } } }`, /line 3.*expected a version/],
    [
      `{ members: { a: {}, b: { release: { version: 1.2.0, digest: "${digest}" }, num_train_epochs: 2 } } }`,
      /line 3.*a release is not trained, so it has no num_train_epochs/,
    ],
    ['{ members: { a: {}, b: { packing: true } } }', /line 3.*only a language model has packing/],
    ['{ members: { a: {}, b: {} }, join_by: accuracy }', /line 3.*set data\.validation_split/],
    ['{ members: { a: {}, b: {} }, join_by: mystery }', /line 3.*"ensemble\.join_by": expected a metric/],
    ['{ members: { a: {}, b: {} }, combine: weights }', /line 3.*set training\.warm_start/],
    ['{ members: { a: {}, b: {} }, combine: sum }', /line 3.*"ensemble\.combine"/],
    ['{ member: { a: {}, b: {} } }', /line 3.*"ensemble/],
  ])('%s is refused, with the line', async (text, message) => {
    const { root, put } = await project(builtIn)
    put(trainingFile, `# Comment.\n\nensemble: ${text}\n`)
    const { code, err } = await sheikh(root, ['run', '--allow-dirty'])
    expect(code).toBe(1)
    expect(err).toMatch(message)
  })

  it.each([
    [`training: { warm_start: { version: 1.2.0, digest: "${digest}" } }`, /by mean cannot start from a release/],
    ['output: { export: [onnx] }', /an ensemble is not exported/],
  ])('is refused beside %s', async (text, message) => {
    const { root, put } = await project(builtIn)
    put(trainingFile, `${text}\nensemble: { members: { a: {}, b: {} } }\n`)
    expect((await sheikh(root, ['run', '--allow-dirty'])).err).toMatch(message)
  })

  it('is refused beside a trainer of the host, and by a search', async () => {
    const host = await project({ [trainingFile]: ensemble })
    expect((await sheikh(host.root, ['run'])).err).toContain('Cannot make the ensemble of mlops/training/config.yaml')
    const { root } = await project({
      ...builtIn,
      [trainingFile]: `data: { validation_split: 0.2 }\n${ensemble}`,
      'mlops/tuning.yaml': 'space: { num_train_epochs: [1, 2] }\n',
    })
    expect((await sheikh(root, ['tune'])).err).toContain('makes several models, and a trial trains one')
  })

  it('is trained on workers, to the same bytes, and joins by a metric', async () => {
    const { root } = await project({
      ...builtIn,
      [trainingFile]: `data: { validation_split: 0.3 }\n${ensemble}  join_by: accuracy\n`,
    })
    expect(await sheikh(root, ['run', '--workers', '2'])).toMatchObject({ code: 0 })
    expect(JSON.parse((await sheikh(root, ['reproduce', '--json'])).out)).toMatchObject({ status: 'reproduced' })
    expect(await readFile(join(root, trainingFile), 'utf8')).toContain('join_by')
  })
})
