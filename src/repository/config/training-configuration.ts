// How a model is trained: what mlops/training/config.yaml says, and mlops/pipeline.yaml where it says nothing.
import { countOf, firstNumber, textOf, type Values, valuesAt } from './values.js'

/** What stands under `model` and `training` for `architecture: llama`; a path below the project. */
export interface LlamaConfiguration {
  readonly base?: string | undefined
  readonly baseDigest?: string | undefined
  readonly fromScratch?: boolean | undefined
  readonly answer?: LlamaAnswerConfiguration | undefined
  readonly lora?: Readonly<Record<string, unknown>> | undefined
  readonly maximumLength?: number | undefined
  readonly packing?: boolean | undefined
  readonly completionOnly?: boolean | undefined
  readonly dtype?: 'F32' | 'F16' | 'BF16' | undefined
}

export type LlamaAnswerConfiguration =
  | { readonly kind: 'choice'; readonly choices: readonly string[] }
  | {
      readonly kind: 'text'
      readonly maximum_new_tokens?: number | undefined
      readonly temperature?: number | undefined
      readonly top_k?: number | undefined
      readonly top_p?: number | undefined
      readonly stop?: readonly string[] | undefined
    }

/** When a training that may be killed writes what it goes on from. */
export interface CheckpointConfiguration {
  readonly everySteps?: number | undefined
  readonly everyEpochs?: number | undefined
  readonly keepLast?: number | undefined
}

/** A base as it is named so far: what is missing is said when a pipeline is made. */
export interface WarmStartConfiguration {
  readonly version?: string | undefined
  readonly digest?: string | undefined
  readonly replayShare?: number | undefined
}

/** How a model is trained, resolved. */
export interface TrainingConfiguration {
  readonly architecture?: string | undefined
  readonly epochs?: number | undefined
  readonly learningRate?: number | undefined
  readonly weightDecay?: number | undefined
  readonly batchSize?: number | undefined
  readonly schedule?: 'linear' | 'cosine' | 'constant' | undefined
  readonly warmupRatio?: number | undefined
  readonly maximumGradientNorm?: number | undefined
  readonly maximumSteps?: number | undefined
  readonly gradientAccumulation?: number | undefined
  readonly evaluationBatchSize?: number | undefined
  readonly reportEverySteps?: number | undefined
  readonly earlyStopping?: { readonly patience: number; readonly everySteps?: number | undefined } | undefined
  /** `false`: none. @default the trainer's */
  readonly checkpoints?: CheckpointConfiguration | false | undefined
  /** Of a language model; what only it knows. */
  readonly llama?: LlamaConfiguration | undefined
  /** A release to start from. */
  readonly warmStart?: WarmStartConfiguration | undefined
  /** Further formats of the weights. @default none */
  readonly exports?: readonly 'onnx'[] | undefined
  readonly device?: 'auto' | 'cuda' | 'native' | 'webgpu' | 'wasm' | 'js' | undefined
  /** @default none */
  readonly reportTo?: readonly ('tensorboard' | 'mlflow')[] | undefined
  readonly seed: number
}

/** @param training mlops/training/config.yaml. @param pipeline mlops/pipeline.yaml. */
export function trainingOf(training: Values, pipeline: Values): TrainingConfiguration {
  const settings = valuesAt(training, 'training')
  const model = valuesAt(training, 'model')
  const output = valuesAt(training, 'output')
  const trainStage = valuesAt(pipeline, 'stages', 'train', 'config')
  return {
    architecture: model['architecture'] as string | undefined,
    epochs: firstNumber(settings['num_train_epochs'], trainStage['epochs']),
    learningRate: firstNumber(settings['learning_rate'], trainStage['learning_rate']),
    weightDecay: firstNumber(settings['weight_decay']),
    batchSize: firstNumber(settings['per_device_train_batch_size'], trainStage['batch_size']),
    schedule: settings['lr_scheduler_type'] as TrainingConfiguration['schedule'],
    warmupRatio: firstNumber(settings['warmup_ratio']),
    maximumGradientNorm: firstNumber(settings['max_grad_norm']),
    maximumSteps: settings['max_steps'] === -1 ? undefined : firstNumber(settings['max_steps']),
    gradientAccumulation: firstNumber(settings['gradient_accumulation_steps'], trainStage['gradient_accumulation']),
    evaluationBatchSize: firstNumber(settings['per_device_eval_batch_size']),
    reportEverySteps: countOf(settings['logging_steps']),
    earlyStopping: earlyStoppingOf(settings),
    checkpoints: checkpointsOf(settings, valuesAt(pipeline, 'artifacts', 'checkpoints')),
    ...(model['architecture'] === 'llama' && { llama: llamaOf(model, settings) }),
    warmStart: warmStartOf(valuesAt(settings, 'warm_start')),
    exports: (output['export'] ?? undefined) as readonly 'onnx'[] | undefined,
    device: settings['device'] as TrainingConfiguration['device'],
    reportTo: trackersOf(settings['report_to']),
    seed: firstNumber(settings['seed']) ?? 0,
  }
}

/** The training's own settings first, as `transformers` reads them; then those of the pipeline. */
function checkpointsOf(settings: Values, artifacts: Values): CheckpointConfiguration | false | undefined {
  const [strategy, frequency] = [settings['save_strategy'], artifacts['save_frequency']]
  if (strategy === 'no') return false
  const everySteps = countOf(settings['save_steps'], ...(strategy === 'steps' ? [500] : []), frequency)
  const everyEpochs = strategy === 'epoch' || (everySteps === undefined && frequency === 'epoch') ? 1 : undefined
  const keepLast = firstNumber(settings['save_total_limit'], artifacts['keep_last'])
  if (everySteps === undefined && everyEpochs === undefined && keepLast === undefined) return undefined
  return {
    ...(everyEpochs !== undefined ? { everyEpochs } : everySteps !== undefined && { everySteps }),
    ...(keepLast !== undefined && { keepLast }),
  }
}

function trackersOf(value: unknown): TrainingConfiguration['reportTo'] {
  const asked = [value].flat()
  const known = (['tensorboard', 'mlflow'] as const).filter((name) => asked.includes(name))
  return known.length === 0 ? undefined : known
}

function earlyStoppingOf(settings: Values): TrainingConfiguration['earlyStopping'] {
  const patience = firstNumber(settings['early_stopping_patience'])
  if (patience === undefined) return undefined
  const bySteps = settings['evaluation_strategy'] === 'steps'
  return { patience, ...(bySteps && { everySteps: countOf(settings['eval_steps'], 500)! }) }
}

function warmStartOf({ version, digest, replay_share: share }: Values): WarmStartConfiguration | undefined {
  if ([version, digest, share].every((value) => value === undefined || value === null)) return undefined
  return { version: textOf(version), digest: textOf(digest), replayShare: firstNumber(share) }
}

function llamaOf(model: Values, settings: Values): LlamaConfiguration {
  const found = {
    ...{ base: model['base'], baseDigest: model['base_digest'], fromScratch: model['from_scratch'] },
    ...{ answer: model['answer'], lora: settings['lora'], maximumLength: settings['maximum_length'] },
    ...{ packing: settings['packing'], completionOnly: settings['completion_only'], dtype: settings['dtype'] },
  }
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined)) as LlamaConfiguration
}
