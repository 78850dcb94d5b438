import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type CallContext, SheikhError } from '../core/index.js'
import {
  type FloatDtype,
  floatDtypes,
  fromFloat64,
  readOneTensor,
  readSafetensorsHeader,
  type Tensor,
  toFloat32,
  type WeightsDirectory,
  writeSafetensors,
} from '../model/index.js'
import { copyFileDurably } from '../store/index.js'
import { fileOfAverage } from './ensemble-file.js'

/** Weights to average. */
export interface AveragedMember {
  readonly name: string
  readonly share: number
  readonly weights: WeightsDirectory
}

/**
 * Writes the weighted mean of weights that were fine-tuned from one base (model soups, Wortsman et al. 2022, arXiv 2203.05482) into
 * `directory`. Each tensor of each safetensors file is averaged in float64 and rounded once, to its own dtype; all other files must be
 * equal. One tensor of each member is in memory at a time, and the means of one file.
 *
 * @throws `invalid-options` for weights whose files, tensors, shapes or dtypes differ, for adapters, for weights without safetensors, and
 * for whole numbers that differ, which are indices.
 */
export async function averageWeights(
  members: readonly AveragedMember[],
  directory: string,
  context: CallContext,
): Promise<void> {
  const { weights, name } = members[0]!
  const files = weights.manifest.files.filter(isPart)
  const adapter = files.find(({ path }) => /^adapter_(model|config)\b/.test(path))
  if (adapter !== undefined)
    throw refusal(
      `"${name}" has adapters (${adapter.path}), and the mean of two factors is not the mean of their products`,
      'Release adapters merged into the model',
    )
  if (!files.some(({ path }) => isSafetensors(path)))
    throw refusal(`"${name}" has no safetensors files`, 'Use combine: "mean" or "vote"')
  for (const other of members.slice(1)) checkFiles(members[0]!, other)
  for (const { path, digest: expected } of files) {
    const target = join(directory, path)
    await mkdir(dirname(target), { recursive: true })
    if (isSafetensors(path)) await averageFile(members, path, target, context)
    else await copyFileDurably(join(weights.path, path), target, context, { expected })
  }
}

/** A member that is a mean itself names its own members, which the new mean replaces. */
const isPart = ({ path }: { readonly path: string }) => path !== fileOfAverage
const isSafetensors = (path: string) => path.endsWith('.safetensors')

function checkFiles(first: AveragedMember, other: AveragedMember): void {
  const digests = ({ weights }: AveragedMember) =>
    new Map(weights.manifest.files.filter(isPart).map(({ path, digest }) => [path, digest]))
  const [ours, theirs] = [digests(first), digests(other)]
  for (const path of new Set([...ours.keys(), ...theirs.keys()])) {
    const isBoth = ours.has(path) && theirs.has(path)
    if (isBoth && (isSafetensors(path) || ours.get(path) === theirs.get(path))) continue
    throw refusal(
      `the file ${JSON.stringify(path)} of "${first.name}" and "${other.name}" ${isBoth ? 'differs' : 'is in only one of both'}`,
      'Give all members one architecture and one kind of files, without exports such as ONNX',
      { path },
    )
  }
}

async function averageFile(
  members: readonly AveragedMember[],
  path: string,
  target: string,
  context: CallContext,
): Promise<void> {
  const headers = []
  for (const { weights } of members) headers.push(await readSafetensorsHeader(join(weights.path, path), context))
  const [first] = headers
  const forms = headers.map(
    ({ tensors }) => new Map(tensors.map(({ name, dtype, shape }) => [name, `${dtype} [${shape}]`])),
  )
  for (const [index, form] of forms.entries())
    for (const name of new Set([...forms[0]!.keys(), ...form.keys()]))
      if (form.get(name) !== forms[0]!.get(name))
        throw refusal(
          `the tensor "${name}" is ${forms[0]!.get(name) ?? 'absent'} in "${members[0]!.name}" and ${form.get(name) ?? 'absent'} in "${members[index]!.name}"`,
          'Give all members one architecture',
          { tensor: name },
        )
  const means: Tensor[] = []
  const infos = headers.map(({ tensors }) => new Map(tensors.map((info) => [info.name, info])))
  for (const { name } of first!.tensors) {
    const tensors: Tensor[] = []
    for (const [index, { weights }] of members.entries())
      tensors.push(await readOneTensor(join(weights.path, path), infos[index]!.get(name)!, context))
    means.push(meanOf(tensors, members))
  }
  await writeSafetensors(target, means, { metadata: first!.metadata }, context)
}

function meanOf(tensors: readonly Tensor[], members: readonly AveragedMember[]): Tensor {
  const [first] = tensors
  const { name, dtype, shape } = first!
  if (tensors.every(({ data }) => Buffer.compare(data, first!.data) === 0)) return first!
  const isFloat = (floatDtypes as readonly string[]).includes(dtype)
  const values = isFloat ? tensors.map(toFloat32) : []
  if (!isFloat || values.every((some) => some.every(Number.isInteger)))
    throw refusal(
      `the tensor "${name}" has ${isFloat ? 'only whole numbers' : `the dtype ${dtype}`}, which differ between members: indices have no mean`,
      'Train all members on the same rows, from one base',
      { tensor: name },
    )
  const total = members.reduce((sum, { share }) => sum + share, 0)
  // From the first member, so that a value that all members have stays as it is.
  const mean = Float64Array.from(values[0]!, (start, at) => {
    let value = start
    for (let index = 1; index < values.length; index += 1)
      value += (members[index]!.share / total) * (values[index]![at]! - start)
    return value
  })
  return fromFloat64(name, dtype as FloatDtype, shape, mean)
}

const refusal = (fact: string, remedy: string, facts: Readonly<Record<string, unknown>> = {}) =>
  new SheikhError('invalid-options', `Cannot average the weights of the members: ${fact}. ${remedy}.`, { facts })
