import { isHosted, suffixOf, type WorkflowFacts } from './workflow-facts.js'
import {
  actions,
  checkout,
  concurrency,
  onBranch,
  quoted,
  scalar,
  secretsOf,
  secretVariables,
  setUp,
  setUpStep,
  sheikh,
  titled,
  writePermissions,
} from './workflow-parts.js'

/** A generated file, relative to the repository's root. */
export interface WorkflowFile {
  readonly path: string
  readonly text: string
}

/** All files that `sheikh init --github` writes for a project. */
export function workflowFiles(facts: WorkflowFacts): readonly WorkflowFile[] {
  const suffix = suffixOf(facts)
  const header =
    '# Written by "sheikh init --github". Edit it freely: a later "sheikh init --github" keeps your changes.\n'
  const workflow = (name: string, text: string) => ({
    path: `.github/workflows/${name}${suffix}.yml`,
    text: `${header}${text}`,
  })
  return [
    { path: `.github/actions/sheikh${suffix}/action.yml`, text: `${header}${setUp(facts)}` },
    workflow('pipeline', release(facts)),
    workflow('train', train(facts)),
    ...(facts.crons.length === 0 ? [] : [workflow('learn', learn(facts))]),
    workflow('validate', validate(facts)),
    workflow('report', report(facts)),
    workflow('operate', operate(facts)),
  ]
}

/** Train and release, for every event that leads to it. */
const release = (facts: WorkflowFacts) => `name: ${quoted(titled('Train and release', facts))}
on:
  workflow_call:
    inputs:
      schedule:
        description: The schedule that started the run. Empty for a push
        type: string
        default: ""
      retrain:
        description: Train even if nothing changed
        type: boolean
        default: false
${
  secretsOf(facts).length === 0
    ? ''
    : `    secrets:\n${secretsOf(facts)
        .map((name) => `      ${name}:\n        required: false\n`)
        .join('')}`
}permissions: {}
jobs:
  # Several pushes become one run: the head of the branch counts, and everything since the last run.
  decide:
    if: ${onBranch(facts)}
    runs-on: ubuntu-latest
    timeout-minutes: 15
    permissions:
      contents: read
    outputs:
      action: \${{ steps.triggers.outputs.action }}
      retrain: \${{ steps.triggers.outputs.retrain }}
      commit: \${{ steps.triggers.outputs.commit }}
    steps:
${checkout('${{ github.ref }}')}${setUpStep(facts)}      - id: triggers
        run: ${sheikh(facts)} triggers --github "--schedule=$SCHEDULE"
        env:
          SCHEDULE: \${{ inputs.schedule }}
          GITHUB_TOKEN: \${{ github.token }}
  # Runs the project's code. It has no secret and can write nothing.
  train:
    needs: decide
    if: inputs.retrain || needs.decide.outputs.action == 'run'
    runs-on: ${facts.runner.length === 1 ? scalar(facts.runner[0]!) : `[${facts.runner.map(scalar).join(', ')}]`}
    timeout-minutes: 360
    permissions:
      contents: read
    outputs:
      status: \${{ steps.run.outputs.status }}
    steps:
${checkout('${{ needs.decide.outputs.commit }}')}${setUpStep(facts)}      # What earlier runs computed. Every file is checked against its digest before it is used.
      - uses: ${actions.cache}
        with:
          path: ${quoted(facts.project === '' ? '.sheikh' : `${facts.project}/.sheikh`)}
          key: sheikh${suffixOf(facts)}-\${{ runner.os }}-\${{ github.run_id }}-\${{ github.run_attempt }}
          restore-keys: sheikh${suffixOf(facts)}-\${{ runner.os }}-
      - id: run
        run: ${sheikh(facts)} run --until verdict --out "$RUNNER_TEMP/run" --github $RETRAIN
        env:
          RETRAIN: \${{ (inputs.retrain || needs.decide.outputs.retrain == 'true') && '--retrain' || '' }}
          SHEIKH_MACHINE: ${quoted(machineOf(facts))} # named in releases, with how long the training took
          GITHUB_TOKEN: \${{ github.token }}
      - if: ${isForRelease('steps')}
        uses: ${actions.upload}
        with:
          name: sheikh-run${suffixOf(facts)}
          path: \${{ runner.temp }}/run
          if-no-files-found: error
          include-hidden-files: true
          overwrite: true # by a later attempt
          retention-days: 30
  # Verifies every file of the run, decides again, and publishes. If the run was up to date, it notes the commit as done: the next
  # push that changes nothing else starts no training.
  release:
    needs: [decide, train]
    if: ${isForRelease('needs')}
    runs-on: ubuntu-latest
    timeout-minutes: 60
    permissions:
${writePermissions(facts, '      ')}    steps:
${checkout('${{ needs.decide.outputs.commit }}')}${setUpStep(facts)}      - uses: ${actions.download}
        with:
          name: sheikh-run${suffixOf(facts)}
          path: \${{ runner.temp }}/run
      - run: ${sheikh(facts)} release "$RUNNER_TEMP/run" --github $RETRAIN
        env:
          RETRAIN: \${{ (inputs.retrain || needs.decide.outputs.retrain == 'true') && '--retrain' || '' }}
${secretVariables(facts, '          ')}          GITHUB_TOKEN: \${{ github.token }}
`

const isForRelease = (from: 'steps' | 'needs') => {
  const status = `${from === 'steps' ? 'steps.run' : 'needs.train'}.outputs.status`
  return `${status} == 'awaiting-release' || ${status} == 'up-to-date'`
}

/** What people call the machine that trains: its labels, without those that every such machine has. */
function machineOf({ runner }: WorkflowFacts): string {
  const own = runner.filter((label) => !/^(self-hosted|linux|windows|macos|x64|x86|arm64|arm)$/i.test(label))
  return (own.length === 0 ? runner : own).join(', ')
}

const callsRelease = (facts: WorkflowFacts, inputs: string) => `permissions: {}
${concurrency(facts)}jobs:
  release:
    permissions:
${writePermissions(facts, '      ')}    uses: $/.github/workflows/pipeline${suffixOf(facts)}.yml
${inputs === '' ? '' : `    with:\n${inputs}`}${secretsOf(facts).length === 0 ? '' : `    secrets:\n${secretVariables(facts, '      ')}`}`

// No path filter: it would only see the paths of one push. "sheikh triggers" decides.
const train = (facts: WorkflowFacts) => `name: ${quoted(titled('Train', facts))}
on:
  push:
    branches: [${scalar(facts.branch)}]
  workflow_dispatch:
    inputs:
      retrain:
        description: Train even if nothing changed
        type: boolean
        default: false
${callsRelease(facts, '      retrain: ${{ inputs.retrain || false }}\n')}`

const learn = (facts: WorkflowFacts) => `name: ${quoted(titled('Learn', facts))}
on:
  schedule:
${facts.crons.map((cron) => `    - cron: ${quoted(cron)}\n`).join('')}${callsRelease(facts, '      schedule: ${{ github.event.schedule }}\n')}${facts.learningCrons.length === 0 ? '' : afterRun(facts)}`

/** What follows a run of continuous learning: branches and pull requests, no push to the branch that is released from. */
function afterRun(facts: WorkflowFacts): string {
  const publishing = { ...facts, opensIssues: false, notificationSecrets: [] }
  return `  # Proposes what stages.continuous_learn lists. A person merges it.
  learn:
    needs: release
    if: ${onBranch(facts)}
    runs-on: ubuntu-latest
    timeout-minutes: 60
    permissions:
${writePermissions(publishing, '      ')}      pull-requests: write # the proposals
    steps:
${checkout('${{ github.ref }}')}${setUpStep(facts)}      - if: contains(fromJSON('${JSON.stringify(facts.learningCrons)}'), github.event.schedule)
        run: ${sheikh(facts)} learn --after-run
        env:
${secretVariables(publishing, '          ')}          GITHUB_TOKEN: \${{ github.token }}
          GIT_AUTHOR_NAME: "github-actions[bot]"
          GIT_AUTHOR_EMAIL: "41898282+github-actions[bot]@users.noreply.github.com"
`
}

/** Each project of a repository has a check run and a comment of its own. */
const checkName = (facts: WorkflowFacts) =>
  facts.project === '' ? '' : ` "--check-name=${titled('sheikh review', facts)}"`

// Under a name of its own, so that no restore-key of "Train" finds it.
const reviewCache = (
  facts: WorkflowFacts,
) => `      # What earlier reviews of this pull request trained. GitHub gives it to no run of another branch.
      - uses: ${actions.cache}
        with:
          path: ${quoted(facts.project === '' ? '.sheikh/review' : `${facts.project}/.sheikh/review`)}
          key: review-sheikh${suffixOf(facts)}-\${{ runner.os }}-\${{ github.run_id }}-\${{ github.run_attempt }}
          restore-keys: review-sheikh${suffixOf(facts)}-\${{ runner.os }}-
`

// Runs the code of the pull request: no secret, nothing to write. "Report" posts the result.
const validate = (facts: WorkflowFacts) => `name: ${quoted(titled('Validate', facts))}
on:
  pull_request:
  merge_group:
permissions: {}
concurrency:
  group: sheikh-validate${suffixOf(facts)}-\${{ github.ref }}
  cancel-in-progress: true
jobs:
  validate:
    runs-on: ubuntu-latest
    timeout-minutes: ${isHosted(facts) ? 360 : 30}
    permissions:
      contents: read
    steps:
${checkout()}${setUpStep(facts)}${isHosted(facts) ? reviewCache(facts) : ''}      - run: ${sheikh(facts)} review${isHosted(facts) ? ' --train' : ''} --github --out "$RUNNER_TEMP/review.json"${checkName(facts)}
      - uses: ${actions.upload}
        if: \${{ !cancelled() }}
        with:
          name: sheikh-review${suffixOf(facts)}
          path: \${{ runner.temp }}/review.json
          if-no-files-found: error
          overwrite: true # by a later attempt
          retention-days: 7
`

const report = (
  facts: WorkflowFacts,
) => `# Posts the result of "${titled('Validate', facts)}" on the pull request. The token of a pull request from a fork cannot write.
# Checks out nothing, and reads the result as data. GitHub names the pull request by its commit; the artifact cannot.
name: ${quoted(titled('Report', facts))}
on:
  # zizmor: ignore[dangerous-triggers] nothing of the pull request is executed
  workflow_run:
    workflows: [${quoted(titled('Validate', facts))}]
    types: [completed]
permissions: {}
concurrency:
  group: sheikh-report${suffixOf(facts)}-\${{ github.event.workflow_run.head_repository.full_name }}-\${{ github.event.workflow_run.head_branch }}
  cancel-in-progress: false
jobs:
  report:
    # Another workflow may have the same name.
    if: github.event.workflow_run.event == 'pull_request' && startsWith(github.event.workflow_run.path, '.github/workflows/validate${suffixOf(facts)}.yml')
    runs-on: ubuntu-latest
    timeout-minutes: 10
    permissions:
      actions: read # the artifact of the other run
      checks: write
      pull-requests: write
    steps:
${setUpStep(facts)}      # Without an artifact there is nothing to report, and the check fails.
      - uses: ${actions.download}
        continue-on-error: true
        with:
          name: sheikh-review${suffixOf(facts)}
          path: \${{ runner.temp }}/review
          run-id: \${{ github.event.workflow_run.id }}
          github-token: \${{ github.token }}
      # Exit code 1: the check on the pull request fails. A failed job would mark the head of the default branch.
      - run: |
          code=0
          sheikh review --post "$RUNNER_TEMP/review/review.json" --github${checkName(facts)} || code=$?
          if [ "$code" != 1 ]; then exit "$code"; fi
        env:
          GITHUB_TOKEN: \${{ github.token }}
`

const operate = (facts: WorkflowFacts) => `name: ${quoted(titled('Operate', facts))}
on:
  workflow_dispatch:
    inputs:
      action:
        description: What to do
        type: choice
        options: [preview, approve, rollback, promote, withdraw]
        default: preview
      run:
        description: "approve: the number of the workflow run that awaits approval"
        type: string
      version:
        description: "rollback: version to return to (default: the previous release). promote, withdraw: version"
        type: string
      channel:
        description: "promote: channel, such as production"
        type: string
        default: production
      reason:
        description: Why; recorded in the ledger
        type: string
permissions: {}
${concurrency(facts)}jobs:
  operate:
    if: ${onBranch(facts)}
    runs-on: ubuntu-latest
    timeout-minutes: 60
    permissions:
      actions: read # the artifact of the run that awaits approval
${writePermissions(facts, '      ')}    steps:
${checkout('${{ github.ref }}')}${setUpStep(facts)}      - if: inputs.action == 'approve'
        uses: ${actions.download}
        with:
          name: sheikh-run${suffixOf(facts)}
          path: \${{ runner.temp }}/run
          run-id: \${{ inputs.run }}
          github-token: \${{ github.token }}
      - run: |
          by="$GITHUB_ACTOR (GitHub)"
          case "$ACTION" in
            preview)
              ${sheikh(facts)} status
              ${sheikh(facts)} history
              ${sheikh(facts)} plan
              ;;
            approve)
              # A run is released at its own commit. Only commits of this branch may see the secrets.
              commit=$(node -p 'JSON.parse(fs.readFileSync(process.argv[1])).commit' "$RUNNER_TEMP/run/run.json")
              if ! git merge-base --is-ancestor "$commit" HEAD; then
                echo "::error::The run used a commit that is not on this branch."
                exit 1
              fi
              git checkout --quiet --detach "$commit"
              # Checks the run again; exit code 3: it awaits approval. --retrain: also if the sources have a release already.
              code=0
              ${sheikh(facts)} release "$RUNNER_TEMP/run" --retrain --json > "$RUNNER_TEMP/result.json" || code=$?
              if [ "$code" != 3 ]; then cat "$RUNNER_TEMP/result.json"; exit "$code"; fi
              run=$(node -p 'JSON.parse(fs.readFileSync(process.argv[1])).runId' "$RUNNER_TEMP/result.json")
              ${sheikh(facts)} approve "$run" "--reason=$REASON" "--by=$by"
              ;;
            rollback) ${sheikh(facts)} rollback \${VERSION:+"--to=$VERSION"} "--reason=$REASON" "--by=$by" ;;
            promote) ${sheikh(facts)} promote "$VERSION" "--to=$CHANNEL" "--by=$by" ;;
            withdraw) ${sheikh(facts)} withdraw "$VERSION" "--reason=$REASON" "--by=$by" ;;
          esac
        env:
          ACTION: \${{ inputs.action }}
          VERSION: \${{ inputs.version }}
          CHANNEL: \${{ inputs.channel }}
          REASON: \${{ inputs.reason }}
${secretVariables(facts, '          ')}          GITHUB_TOKEN: \${{ github.token }}
`
