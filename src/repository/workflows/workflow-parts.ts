import { suffixOf, type WorkflowFacts } from './workflow-facts.js'

// The commits of these releases. A tag can be moved; a commit cannot.
export const actions = {
  checkout: 'actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0',
  cache: 'actions/cache@0057852bfaa89a56745cba8c7296529d2fc39830 # v4.3.0',
  setupNode: 'actions/setup-node@a0853c24544627f65ddf259abe73b1d18a591444 # v5.0.0',
  upload: 'actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02 # v4.6.2',
  download: 'actions/download-artifact@634f93cb2916e3fdff6788551b99b062d0335ce0 # v5.0.0',
} as const

export const titled = (name: string, { project }: WorkflowFacts) => (project === '' ? name : `${name} ${project}`)
export const quoted = (text: string) => JSON.stringify(text)
/** In quotes if YAML would read a number, a truth value or null, such as the branch "1.0". */
export const scalar = (text: string) =>
  /^[a-z][\w./-]*$/i.test(text) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(text) ? text : quoted(text)

/** The commands of a project below the repository's root name its folder. */
export const sheikh = ({ project }: WorkflowFacts) =>
  project === '' ? 'sheikh' : `sheikh ${/ /.test(project) ? `"--project=${project}"` : `--project=${project}`}`

/**
 * Installs with the project's lockfile. Without one, and for a workflow that checks out nothing: outside the work tree, where no
 * file of the project chooses what is installed.
 */
export const setUp = (facts: WorkflowFacts) => `name: ${quoted(titled('Set up Sheikh', facts))}
description: Installs Node and the command sheikh
runs:
  using: composite
  steps:
    - uses: ${actions.setupNode}
      with:
        node-version: 22
        package-manager-cache: false
    - shell: bash
      run: | # zizmor: ignore[adhoc-packages,github-env] an exact version; both paths are fixed
${installScript(facts)
  .map((line) => `        ${line}\n`)
  .join('')}`

function installScript({ version, lockfileFolder }: WorkflowFacts): readonly string[] {
  const outside = [
    'mkdir -p "$RUNNER_TEMP/sheikh"',
    'cd "$RUNNER_TEMP/sheikh"',
    `npm install --prefix . --ignore-scripts --no-audit --no-fund sheikh-freemium@${version}`,
  ]
  const path = 'echo "$PWD/node_modules/.bin" >> "$GITHUB_PATH"'
  if (lockfileFolder === undefined) return [...outside, path]
  const folder = quoted(lockfileFolder === '' ? '.' : lockfileFolder)
  return [
    `if [ -f ${folder}/package-lock.json ]; then`,
    `  cd ${folder}`,
    '  npm ci --no-audit --no-fund',
    'else',
    ...outside.map((line) => `  ${line}`),
    'fi',
    path,
  ]
}

export const checkout = (reference?: string) => `      - uses: ${actions.checkout}
        with:${reference === undefined ? '' : `\n          ref: ${reference}`}
          fetch-depth: 0 # what changed since the last run
          persist-credentials: false
`

// `$/`: from the repository of the workflow, at its commit; no file of a checkout can take its place.
// https://docs.github.com/actions/reference/workflow-syntax-for-github-actions
export const setUpStep = (facts: WorkflowFacts) => `      - uses: $/.github/actions/sheikh${suffixOf(facts)}\n`

export const secretsOf = ({ targets, notificationSecrets }: WorkflowFacts): readonly string[] => [
  ...(targets.has('huggingface') ? ['HF_TOKEN'] : []),
  ...(targets.has('s3') ? ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'] : []),
  ...notificationSecrets,
]

export const writePermissions = ({ targets, opensIssues }: WorkflowFacts, indent: string) =>
  [
    'contents: write # the ledger branch, and releases on GitHub',
    ...(targets.has('huggingface') ? ['id-token: write # a token of the Hub for one hour; no secret is needed'] : []),
    ...(opensIssues ? ['issues: write # notifications'] : []),
  ]
    .map((line) => `${indent}${line}\n`)
    .join('')

/** Secrets of the registries and of the notifications, as environment variables of a step. */
export const secretVariables = (facts: WorkflowFacts, indent: string) =>
  secretsOf(facts)
    .map(
      (name) => `${indent}${name}: \${{ secrets.${name} }}${name === 'HF_TOKEN' ? ' # or a trusted publisher' : ''}\n`,
    )
    .join('')

export const onBranch = ({ branch }: WorkflowFacts) => `github.ref == 'refs/heads/${branch}'`

/** One writer for each project. A cancelled run would lose nothing, but a queued one reports its commit sooner. */
export const concurrency = (facts: WorkflowFacts) => `concurrency:
  group: sheikh-release${suffixOf(facts)}
  cancel-in-progress: false
  queue: max
`
