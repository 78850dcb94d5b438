import type { KernelBackend, TensorInfo } from '@tensorflow/tfjs-core'
import { type AdamWInputs, type AdamWOptions, adamWKernel, beta1, beta2, epsilon } from './adamw.js'
import { type CrossEntropyInputs, crossEntropyKernel } from './cross-entropy.js'
import type { TfjsCore } from './devices.js'

/** The parts of tfjs-node's backend that a kernel needs; what an id names is a tensor of TensorFlow's. */
interface NodeBackend extends KernelBackend {
  readonly binding: Binding
  readonly tensorMap: { get(dataId: object): Entry; set(dataId: object, entry: Entry): void }
  getInputTensorIds(tensors: readonly TensorInfo[]): readonly number[]
  createOutputTensor(output: Output): TensorInfo
}

interface Entry {
  id: number
}

interface Output {
  readonly id: number
}

interface Binding {
  readonly TF_FLOAT: number
  readonly TF_INT32: number
  readonly TF_ATTR_TYPE: number
  readonly TF_ATTR_BOOL: number
  readonly TF_ATTR_STRING: number
  readonly TF_ATTR_SHAPE: number
  createTensor(shape: readonly number[], dtype: number, values: Float32Array): number
  deleteTensor(id: number): void
  executeOp(name: string, attributes: readonly object[], inputs: readonly number[], outputs: number): readonly Output[]
}

/** One more with every change of what they compute: what was trained before has other bytes, and its checkpoints other moments. */
export const nativeKernels = 2

/** Kernels on our own backend, that do at once what tfjs has only as many operations. */
export function registerNativeKernels(tf: TfjsCore, backendName: string): void {
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
  tf.registerKernel({
    kernelName: crossEntropyKernel,
    backendName,
    kernelFunc: ({ inputs, backend }) =>
      crossEntropy(backend as NodeBackend, inputs as unknown as CrossEntropyInputs) as TensorInfo[],
  })
}

function crossEntropy(backend: NodeBackend, { logits, targets }: CrossEntropyInputs): readonly TensorInfo[] {
  const { binding } = backend
  const types = [
    { name: 'T', type: binding.TF_ATTR_TYPE, value: binding.TF_FLOAT },
    { name: 'Tlabels', type: binding.TF_ATTR_TYPE, value: binding.TF_INT32 },
  ]
  const ids = backend.getInputTensorIds([logits, targets])
  const outputs = binding.executeOp('SparseSoftmaxCrossEntropyWithLogits', types, ids, 2)
  return outputs.map((output) => backend.createOutputTensor(output))
}

type Update = (inputs: AdamWInputs, options: AdamWOptions) => TensorInfo[]

/**
 * By TensorFlow's `ResourceApplyAdam`, which goes through memory once and writes where it reads. It has no bias correction
 * but in its rate, which is given whole here, and keeps means, not sums:
 * m += (g − m)(1 − β₁); v += (g² − v)(1 − β₂); w −= rate · m / (√v + ε).
 */
function adamW(backend: NodeBackend): Update {
  const { binding } = backend
  const variables = variablesOf(binding)
  const type = { name: 'T', type: binding.TF_ATTR_TYPE, value: binding.TF_FLOAT }
  const flags = ['use_locking', 'use_nesterov'].map((name) => ({ name, type: binding.TF_ATTR_BOOL, value: false }))
  const create = (value: number) => binding.createTensor([], binding.TF_FLOAT, Float32Array.of(value))
  const [zero, decay1, decay2] = [create(0), create(beta1), create(beta2)]
  // Every weight is in it while it is worked on.
  const working = variables.create()
  // Equal for all weights of a step.
  const scalars = new Map<number, number>()
  const scalar = (value: number) => {
    if (scalars.size === 0) queueMicrotask(release)
    const id = scalars.get(value) ?? create(value)
    scalars.set(value, id)
    return id
  }
  /** When the step is over: what is left in the variable would else stay in memory after the training. */
  function release(): void {
    variables.put(working, zero)
    for (const id of scalars.values()) binding.deleteTensor(id)
    scalars.clear()
  }

  /** The variable that holds a moment alone, so that it is written in place; the tensor has nothing left but to be disposed. */
  function moveIn(info: TensorInfo): number {
    const { dataId } = info
    const entry = backend.tensorMap.get(dataId)
    if (entry instanceof InVariable && entry.isIn) return entry.leave()
    // Not `entry.id`: of values that TensorFlow was not told of yet there is none.
    const [id] = backend.getInputTensorIds([info]) as [number]
    const variable = variables.create()
    variables.put(variable, id)
    binding.deleteTensor(id)
    entry.id = gone
    return variable
  }

  function held({ shape, dtype }: TensorInfo, variable: number): TensorInfo {
    const dataId = {}
    backend.tensorMap.set(dataId, new InVariable(shape, binding.TF_FLOAT, variable, variables.moveOut))
    return { dataId, shape, dtype }
  }

  return ({ weight, first, second, gradient }, { step, learningRate, weightDecay }) => {
    // With β₂ as the kernel has it, in float32: 1 − β₂ is a hundred-thousandth off.
    const unbias = Math.sqrt(1 - Math.fround(beta2) ** step)
    const [rate, offset] = [learningRate * (unbias / (1 - beta1 ** step)), epsilon * unbias]
    const kept = 1 - learningRate * weightDecay
    const [weightId, gradientId] = backend.getInputTensorIds([weight, gradient]) as [number, number]
    if (kept === 1) variables.put(working, weightId)
    else {
      const { id } = binding.executeOp('Mul', [type], [weightId, scalar(kept)], 1)[0]!
      variables.put(working, id)
      binding.deleteTensor(id)
    }
    const moments = [first, second].map(moveIn) as [number, number]
    const factors = [zero, zero, scalar(rate), decay1, decay2, scalar(offset)]
    try {
      binding.executeOp('ResourceApplyAdam', [type, ...flags], [working, ...moments, ...factors, gradientId], 0)
    } catch (error) {
      for (const variable of moments) variables.release(variable)
      throw error
    }
    return [backend.createOutputTensor(variables.take(working)), held(first, moments[0]), held(second, moments[1])]
  }
}

// What tfjs-node has for a tensor that TensorFlow does not have.
const gone = -1

/** A tensor that is in a variable of TensorFlow's until somebody asks for its id: putting in and taking out at each step is saved. */
class InVariable {
  readonly values = null
  refCount = 1
  #id: number | undefined
  readonly shape: readonly number[]
  readonly dtype: number
  readonly #variable: number
  readonly #moveOut: (variable: number) => number

  constructor(shape: readonly number[], dtype: number, variable: number, moveOut: (variable: number) => number) {
    this.shape = shape
    this.dtype = dtype
    this.#variable = variable
    this.#moveOut = moveOut
  }

  get isIn(): boolean {
    return this.#id === undefined
  }

  get id(): number {
    this.#id ??= this.#moveOut(this.#variable)
    return this.#id
  }

  set id(id: number) {
    this.#id = id
  }

  leave(): number {
    this.#id = gone
    return this.#variable
  }
}

// ResourceHandle::ANONYMOUS_NAME of TensorFlow: a variable that is nobody else's, and of no name that a second copy may use.
const anonymous = 'cd2c89b7-88b7-44c8-ad83-06c2a9158347'

/** TensorFlow's variables: putting in and reading copy nothing. Those that nobody has any more are used again. */
function variablesOf(binding: Binding) {
  const dtype = { name: 'dtype', type: binding.TF_ATTR_TYPE, value: binding.TF_FLOAT }
  const empty = binding.createTensor([], binding.TF_FLOAT, Float32Array.of(0))
  const free: number[] = []
  const put = (variable: number, id: number) => binding.executeOp('AssignVariableOp', [dtype], [variable, id], 0)
  const take = (variable: number) => binding.executeOp('ReadVariableOp', [dtype], [variable], 1)[0]!
  const make = () => {
    const attributes = [
      { name: 'container', type: binding.TF_ATTR_STRING, value: '' },
      { name: 'shared_name', type: binding.TF_ATTR_STRING, value: anonymous },
      dtype,
      { name: 'shape', type: binding.TF_ATTR_SHAPE, value: [] },
    ]
    return binding.executeOp('VarHandleOp', attributes, [], 1)[0]!.id
  }
  /** What it holds is let go of. */
  function release(variable: number): void {
    put(variable, empty)
    free.push(variable)
  }
  return {
    put,
    take,
    create: () => free.pop() ?? make(),
    moveOut(variable: number): number {
      const { id } = take(variable)
      release(variable)
      return id
    },
    release,
  }
}
