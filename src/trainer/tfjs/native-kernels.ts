import type { KernelBackend, TensorInfo } from '@tensorflow/tfjs-core'
import { type AdamWInputs, type AdamWOptions, adamWKernel, beta1, beta2, epsilon } from './adamw.js'
import type { Tf } from './devices.js'

/** The parts of tfjs-node's backend that a kernel needs; what an id names is a tensor of TensorFlow's. */
interface NodeBackend extends KernelBackend {
  readonly binding: Binding
  readonly tensorMap: { get(dataId: object): { id: number } }
  getInputTensorIds(tensors: readonly TensorInfo[]): readonly number[]
  createOutputTensor(output: Output): TensorInfo
  incRef(dataId: object): void
}

interface Output {
  readonly id: number
}

interface Binding {
  readonly TF_FLOAT: number
  readonly TF_ATTR_TYPE: number
  readonly TF_ATTR_BOOL: number
  readonly TF_ATTR_STRING: number
  readonly TF_ATTR_SHAPE: number
  createTensor(shape: readonly number[], dtype: number, values: Float32Array): number
  deleteTensor(id: number): void
  executeOp(name: string, attributes: readonly object[], inputs: readonly number[], outputs: number): readonly Output[]
}

/** One more with every change of what they compute: what was trained before has other bytes, and its checkpoints other moments. */
export const nativeKernels = 1

/** Kernels on our own backend, that do at once what tfjs has only as many operations. */
export function registerNativeKernels(tf: Tf, backendName: string): void {
  const updates = new WeakMap<NodeBackend, Update>()
  tf.registerKernel({
    kernelName: adamWKernel,
    backendName,
    kernelFunc: ({ inputs, attrs, backend: given }) => {
      const backend = given as NodeBackend
      const update = updates.get(backend) ?? adamW(backend)
      updates.set(backend, update)
      return update(inputs as unknown as AdamWInputs, attrs as unknown as AdamWOptions)
    },
  })
}

type Update = (inputs: AdamWInputs, options: AdamWOptions) => TensorInfo[]

/**
 * By TensorFlow's `ResourceApplyAdam`, which goes through memory once and writes where it reads. It has no bias correction
 * but in its rate, which is given whole here, and keeps means, not sums:
 * m += (g − m)(1 − β₁); v += (g² − v)(1 − β₂); w −= rate · m / (√v + ε).
 */
function adamW(backend: NodeBackend): Update {
  const { binding } = backend
  const dtype = { name: 'dtype', type: binding.TF_ATTR_TYPE, value: binding.TF_FLOAT }
  const type = { ...dtype, name: 'T' }
  const flags = ['use_locking', 'use_nesterov'].map((name) => ({ name, type: binding.TF_ATTR_BOOL, value: false }))
  const create = (value: number) => binding.createTensor([], binding.TF_FLOAT, Float32Array.of(value))
  const [zero, decay1, decay2] = [create(0), create(beta1), create(beta2)]
  // TensorFlow's variables, that every weight is put in for as long as it is worked on: putting in and reading copy nothing.
  const [weightSlot, firstSlot, secondSlot] = ['weight', 'first', 'second'].map(
    (name) =>
      binding.executeOp(
        'VarHandleOp',
        [
          { name: 'container', type: binding.TF_ATTR_STRING, value: '' },
          { name: 'shared_name', type: binding.TF_ATTR_STRING, value: `sheikh-adamw-${name}` },
          dtype,
          { name: 'shape', type: binding.TF_ATTR_SHAPE, value: [] },
        ],
        [],
        1,
      )[0]!.id,
  ) as [number, number, number]
  const put = (slot: number, id: number) => binding.executeOp('AssignVariableOp', [dtype], [slot, id], 0)
  const take = (slot: number) => binding.executeOp('ReadVariableOp', [dtype], [slot], 1)[0]!
  // Equal for all weights of a step.
  const scalars = new Map<number, number>()
  const scalar = (value: number) => {
    if (scalars.size === 0) queueMicrotask(release)
    const id = scalars.get(value) ?? create(value)
    scalars.set(value, id)
    return id
  }
  /** When the step is over: what is left in the variables would else stay in memory after the training. */
  function release(): void {
    for (const slot of [weightSlot, firstSlot, secondSlot]) put(slot, zero)
    for (const id of scalars.values()) binding.deleteTensor(id)
    scalars.clear()
  }

  return ({ weight, first, second, gradient }, { step, learningRate, weightDecay }) => {
    // With β₂ as the kernel has it, in float32: 1 − β₂ is a hundred-thousandth off.
    const unbias = Math.sqrt(1 - Math.fround(beta2) ** step)
    const [rate, offset] = [learningRate * (unbias / (1 - beta1 ** step)), epsilon * unbias]
    const kept = 1 - learningRate * weightDecay
    const ids = backend.getInputTensorIds([weight, first, second, gradient])
    const [weightId, firstId, secondId, gradientId] = ids as [number, number, number, number]
    if (kept === 1) put(weightSlot, weightId)
    else {
      const { id } = binding.executeOp('Mul', [type], [weightId, scalar(kept)], 1)[0]!
      put(weightSlot, id)
      binding.deleteTensor(id)
    }
    put(firstSlot, firstId)
    put(secondSlot, secondId)
    // Then the variables alone have the moments, and write them in place: what has two owners is copied.
    binding.deleteTensor(firstId)
    binding.deleteTensor(secondId)
    try {
      const inputs = [
        weightSlot,
        firstSlot,
        secondSlot,
        zero,
        zero,
        scalar(rate),
        decay1,
        decay2,
        scalar(offset),
        gradientId,
      ]
      binding.executeOp('ResourceApplyAdam', [type, ...flags], inputs, 0)
    } finally {
      backend.tensorMap.get(first.dataId).id = take(firstSlot).id
      backend.tensorMap.get(second.dataId).id = take(secondSlot).id
    }
    for (const { dataId } of [first, second]) backend.incRef(dataId)
    return [backend.createOutputTensor(take(weightSlot)), info(first), info(second)]
  }
}

const info = ({ dataId, shape, dtype }: TensorInfo): TensorInfo => ({ dataId, shape, dtype })
