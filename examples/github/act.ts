import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { cloneAt, execute, type RunWorkflow, type Surroundings } from './run-workflow.js'
import { standInActions } from './stand-in-actions.js'

/** Where act is: installed by `npm run setup:interop`, or on the path. */
export function findAct(): string | undefined {
  const installed = join(import.meta.dirname, '../../node_modules/.cache/interop-actions/act')
  const onPath = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'act'))
  return [installed, ...onPath].find((path) => existsSync(path))
}

const anyCommit = '0'.repeat(40)

/**
 * Executes workflows with act, each from a fresh clone and without Docker. https://github.com/nektos/act
 *
 * @param install changes how the action of the project installs the command. @default a link to `surroundings.command`
 */
export function actWorkflows(
  act: string,
  surroundings: Surroundings,
  install = (action: string) =>
    action.replace(
      /^( *)npm install .*$/m,
      `$1mkdir -p node_modules/.bin && ln -sf ${surroundings.command} node_modules/.bin/sheikh`,
    ),
): RunWorkflow {
  const { folder, origin, repository, variables, secrets, tokens, signal } = surroundings
  return async ({ name, workflow, commit, payload }) => {
    const place = mkdtempSync(join(folder, 'act-'))
    const [clone, event, home] = ['clone', 'event.json', 'home'].map((part) => join(place, part)) as [
      string,
      string,
      string,
    ]
    mkdirSync(home)
    const env = { ...variables, HOME: home, XDG_CACHE_HOME: join(folder, 'act-cache'), XDG_CONFIG_HOME: home }
    await cloneAt(commit, clone, { origin, variables: env, signal })
    const replaced = replaceActions(clone, place, install)
    writeFileSync(event, JSON.stringify(payload))
    const standIns = {
      ...{ STAND_IN_ORIGIN: origin, STAND_IN_REF: commit, STAND_IN_ARTIFACTS: join(folder, 'artifacts') },
    }
    const all = { ...variables, ...standIns, GITHUB_REPOSITORY: repository }
    const parameters = [
      ...[name, '-W', `.github/workflows/${workflow}.yml`, '-P', 'ubuntu-latest=-self-hosted', '-e', event],
      ...replaced,
      ...Object.entries({ ...secrets, GITHUB_TOKEN: tokens.write }).flatMap(([key, value]) => [
        '-s',
        `${key}=${value}`,
      ]),
      ...Object.entries(all).flatMap(([key, value]) => ['--env', `${key}=${value}`]),
    ]
    return execute(act, parameters, { cwd: clone, env, signal })
  }
}

/** act fetches no action, and does not know all that GitHub knows. @returns its options for what takes their place. */
function replaceActions(clone: string, place: string, install: (action: string) => string): readonly string[] {
  const folder = join(clone, '.github/workflows')
  const action = join(clone, '.github/actions/sheikh/action.yml')
  const self = `self/self@${anyCommit}`
  const paths = [action, ...readdirSync(folder).map((name) => join(folder, name))]
  const texts = paths.map((path) => {
    const text = readFileSync(path, 'utf8')
      // https://github.com/nektos/act does not know these two yet.
      .replace(/^ {2}queue: max\n/m, '')
      .replaceAll('$/.github/actions/sheikh', self.replace('@', '/.github/actions/sheikh@'))
      .replaceAll('$/', './')
    writeFileSync(path, install(text))
    return text
  })
  return [...standInActions(join(place, 'actions'), texts), '--local-repository', `${self}=${clone}`]
}
