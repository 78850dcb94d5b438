import { nearestName, SheikhError } from '../core/index.js'
import type { Command } from './command.js'

// In the order of the help: the commands of the first day first. A command is loaded only when it is used.
const loaders: Readonly<Record<string, () => Promise<Command>>> = {
  init: async () => (await import('./commands/init.js')).init,
  'import-data': async () => (await import('./commands/import-data.js')).importDataCommand,
  plan: async () => (await import('./commands/plan.js')).plan,
  run: async () => (await import('./commands/run.js')).run,
  predict: async () => (await import('./commands/predict.js')).predict,
  serve: async () => (await import('./commands/serve.js')).serveCommand,
  dashboard: async () => (await import('./commands/dashboard.js')).dashboard,
  status: async () => (await import('./commands/status.js')).status,
  rollback: async () => (await import('./commands/rollback.js')).rollback,
  promote: async () => (await import('./commands/promote.js')).promote,
  withdraw: async () => (await import('./commands/withdraw.js')).withdraw,
  verify: async () => (await import('./commands/verify.js')).verify,
  validate: async () => (await import('./commands/validate.js')).validate,
  data: async () => (await import('./commands/data.js')).data,
  doctor: async () => (await import('./commands/doctor.js')).doctor,
  notify: async () => (await import('./commands/notify.js')).notify,
  why: async () => (await import('./commands/why.js')).why,
  triggers: async () => (await import('./commands/triggers.js')).triggers,
  tune: async () => (await import('./commands/tune.js')).tuneCommand,
  study: async () => (await import('./commands/study.js')).study,
  worker: async () => (await import('./commands/worker.js')).workerCommand,
  watch: async () => (await import('./commands/watch.js')).watch,
  drift: async () => (await import('./commands/drift.js')).drift,
  learn: async () => (await import('./commands/learn.js')).learnCommand,
  projects: async () => (await import('./commands/projects.js')).projects,
  diff: async () => (await import('./commands/diff.js')).diff,
  review: async () => (await import('./commands/review.js')).review,
  history: async () => (await import('./commands/history.js')).history,
  log: async () => (await import('./commands/log.js')).log,
  blame: async () => (await import('./commands/blame.js')).blame,
  forget: async () => (await import('./commands/forget.js')).forget,
  compare: async () => (await import('./commands/compare.js')).compareRuns,
  runs: async () => (await import('./commands/runs.js')).runs,
  release: async () => (await import('./commands/release.js')).release,
  approve: async () => (await import('./commands/approve.js')).approve,
  override: async () => (await import('./commands/override.js')).override,
  reproduce: async () => (await import('./commands/reproduce.js')).reproduce,
  republish: async () => (await import('./commands/republish.js')).republish,
  import: async () => (await import('./commands/import.js')).importCommand,
  gc: async () => (await import('./commands/gc.js')).gc,
  report: async () => (await import('./commands/report.js')).report,
  evaluation: async () => (await import('./commands/evaluation.js')).evaluation,
  gate: async () => (await import('./commands/gate.js')).gate,
  ledger: async () => (await import('./commands/ledger.js')).ledger,
  feedback: async () => (await import('./commands/feedback.js')).feedback,
  experiment: async () => (await import('./commands/experiment.js')).experiment,
  completion: async () => (await import('./commands/completion.js')).completion,
}

export const allCommands = (): Promise<readonly Command[]> => Promise.all(Object.values(loaders).map((load) => load()))

/** @throws `invalid-options` for an unknown command. */
export async function commandNamed(name: string): Promise<Command> {
  if (Object.hasOwn(loaders, name)) return loaders[name]!()
  throw usageError(
    `Cannot run "sheikh ${name}": there is no command "${name}".${didYouMean(name, Object.keys(loaders))}`,
    'sheikh --help',
  )
}

export function didYouMean(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known)
  return nearest === undefined ? '' : ` Did you mean "${nearest}"?`
}

export const usageError = (sentence: string, command: string) =>
  new SheikhError('invalid-options', `${sentence} See: ${command}`)
