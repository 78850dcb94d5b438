/** The files that may hold a project's code. One of them at most exists. */
export const hostConfigurationPaths: readonly string[] = ['ts', 'mts', 'cts', 'js', 'mjs', 'cjs'].map(
  (extension) => `sheikh.config.${extension}`,
)

/** What a run reads, below the project's folder. Whatever differs there from the commit makes a run dirty. */
export const runPaths: readonly string[] = ['dataset', 'prompts', 'mlops', ...hostConfigurationPaths]

/** The folder that paths in samples are relative to. */
export const filesPath = 'dataset'
export const samplesPath = 'dataset/samples'
export const evaluationPath = 'dataset/evaluation.json'
export const quarantinePath = 'dataset/quarantine.json'
export const featuresPath = 'dataset/features.jsonl'
/** Files and folders of a dataset beside its samples. */
export const datasetPaths: readonly string[] = [
  'dataset/config.yaml',
  'dataset/schemas',
  evaluationPath,
  quarantinePath,
  featuresPath,
]
export const pipelineFile = 'mlops/pipeline.yaml'
export const trainingFile = 'mlops/training/config.yaml'
export const tuningFile = 'mlops/tuning.yaml'
export const promptsPath = 'prompts'
/** The keys and identities whose signatures the project trusts. */
export const trustedKeysPath = 'mlops/keys/trusted.json'
export const storePath = '.sheikh'
/** Downloaded files of dataset repositories. */
export const hubDataPath = `${storePath}/hub`

/** `runPaths`, below the repository's root. @param project the project's folder below the root; empty where it is the root. */
export function readPaths(project: string): readonly string[] {
  return runPaths.map((path) => (project === '' ? path : `${project}/${path}`))
}

/** What a run opens by name; the folders below refuse links themselves. */
export const linkFreePaths: readonly string[] = [
  samplesPath,
  evaluationPath,
  quarantinePath,
  featuresPath,
  'dataset/config.yaml',
  'mlops/pipeline.yaml',
  trainingFile,
  tuningFile,
  'mlops/validation',
  promptsPath,
  ...hostConfigurationPaths,
]
