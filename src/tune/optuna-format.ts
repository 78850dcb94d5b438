// Optuna's journal: a line of JSON per operation. Source: optuna/storages/journal/_storage.py, optuna/trial/_state.py and
// optuna/study/_study_direction.py of Optuna 5.0; the same in 4.

export const operations = {
  createStudy: 0,
  deleteStudy: 1,
  setStudySystemAttribute: 3,
  createTrial: 4,
  setParameter: 5,
  setState: 6,
  setIntermediateValue: 7,
  setUserAttribute: 8,
} as const
export const states = { running: 0, complete: 1, pruned: 2, failed: 3 } as const
export const directions = { 'lower-is-better': 1, 'higher-is-better': 2 } as const
/** The attribute of a study with the names of its objectives. */
export const metricNames = 'study:metric_names'
