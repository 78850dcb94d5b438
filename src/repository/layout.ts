/** What a run reads, below the project's folder. Whatever differs there from the commit makes a run dirty. */
export const runPaths: readonly string[] = ['dataset', 'prompts', 'mlops', 'sheikh.config.ts', 'sheikh.config.mjs']

export const samplesPath = 'dataset/samples'
export const evaluationPath = 'dataset/evaluation.json'
export const trainingFile = 'mlops/training/config.yaml'
export const promptsPath = 'prompts'
export const storePath = '.sheikh'
export const hostConfigurationPaths: readonly string[] = ['sheikh.config.ts', 'sheikh.config.mjs']

/** `runPaths`, below the repository's root. @param project the project's folder below the root; empty where it is the root. */
export function readPaths(project: string): readonly string[] {
  return runPaths.map((path) => (project === '' ? path : `${project}/${path}`))
}

/** What a run opens by name; the folders below refuse links themselves. */
export const linkFreePaths: readonly string[] = [
  samplesPath,
  evaluationPath,
  'dataset/config.yaml',
  'mlops/pipeline.yaml',
  trainingFile,
  'mlops/validation',
  promptsPath,
  ...hostConfigurationPaths,
]
