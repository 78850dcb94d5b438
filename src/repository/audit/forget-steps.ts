import type { ReleaseWithSample } from './forget-releases.js'
import type { SampleBlob } from './sample-events.js'
import type { SampleUse } from './sample-uses.js'

/** One step of a plan to erase a sample. JSON. */
export interface ForgetStep {
  /** A sentence. */
  readonly step: string
  /** Command lines for a POSIX shell, in the project's folder unless the step says otherwise. */
  readonly commands: readonly string[]
  /** What the commands do not do. */
  readonly note?: string | undefined
}

export interface ForgetFacts {
  /** Below the project's folder. Absent if the sample is not in the work tree. */
  readonly file?:
    | {
        readonly path: string
        readonly position: string
        readonly isAlone: boolean
        /** The dataset repository on the Hub that contains the file. @default it is in this repository */
        readonly hub?: string | undefined
      }
    | undefined
  readonly use?: SampleUse | undefined
  readonly isPinned: boolean
  readonly releases: readonly ReleaseWithSample[]
  /** The newest release that has no trace of the sample and can be used again. */
  readonly cleanVersion?: string | undefined
  /** The channel that runs point. */
  readonly channel: string
  /** `training.warm_start` names a release that was trained on it. */
  readonly startsFrom?: string | undefined
  readonly baselines: readonly string[]
  readonly hasStore: boolean
  /** The address of a bucket that is the store of several machines. */
  readonly bucket?: string | undefined
  readonly blobs: readonly SampleBlob[]
  /** Files that the sample in the work tree names, below the project's folder. */
  readonly namedFiles: readonly string[]
  /** The evaluation set, below the repository's root. */
  readonly evaluationPath: string
}

/** A path as one word of a POSIX shell. */
export const quoted = (text: string): string =>
  /^[\w./@%+=:,][\w./@%+=:,-]*$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`

/** Only the store's own folders: releases may lie below the same address. */
const bucketCommands = (address: string) =>
  ['objects', 'keys', 'runs', 'events', 'journals'].map(
    (folder) => `aws s3 rm --recursive ${quoted(`${address.replace(/\/+$/, '')}/${folder}/`)}`,
  )

/** Of a path with `*`, `?` or `[`, git would take every file that it matches. */
const gitOn = (path: string): string => (/[*?[\\]/.test(path) ? 'git --literal-pathspecs' : 'git')

const reason = '--reason "Erasure request"'

/** The steps in their order. Every command of `sheikh` exists; nothing is run. */
export function forgetSteps(facts: ForgetFacts): readonly ForgetStep[] {
  return [
    ...stopUse(facts),
    ...removeSample(facts),
    ...release(facts),
    ...withdraw(facts),
    ...clean(facts),
    ...rewrite(facts),
  ]
}

function stopUse({ releases, cleanVersion, channel }: ForgetFacts): readonly ForgetStep[] {
  const used = releases.filter(({ trainedOn, channels }) => trainedOn !== false && channels.length > 0)
  if (used.length === 0) return []
  const names = [...new Set(used.flatMap(({ channels }) => channels))]
  const were = used.every(({ trainedOn }) => trainedOn === true) ? 'were' : 'were or may have been'
  if (cleanVersion === undefined)
    return [
      {
        step: `Decide whether the model may stay in use until the next release: ${names.join(', ')} point at models that ${were} trained on the sample, and no release without it can replace them.`,
        commands: [],
      },
    ]
  return [
    {
      step: `Take the models that ${were} trained on the sample out of use: ${cleanVersion} was not.`,
      commands: names.map((name) =>
        name === channel
          ? `sheikh rollback --to ${cleanVersion} ${reason}`
          : `sheikh promote ${cleanVersion} --to ${quoted(name)}`,
      ),
      ...(names.includes(channel) && { note: 'The rollback withdraws the release that the channel points at.' }),
    },
  ]
}

function removeSample({ file, isPinned, startsFrom, baselines, namedFiles }: ForgetFacts): readonly ForgetStep[] {
  const isHere = file !== undefined
  const steps: ForgetStep[] = []
  if (file?.hub !== undefined)
    steps.push({
      step: `Remove the sample from ${file.path}${file.position === '' ? '' : ` (${file.position})`} of ${file.hub} on the Hub, and pin the commit without it.`,
      commands: ['sheikh data pin main'],
      note: 'Earlier commits of the dataset on the Hub still contain the sample. Its owner can remove them: huggingface.co/docs/huggingface_hub/guides/manage-repo.',
    })
  else if (isHere)
    steps.push({
      step: file.isAlone ? 'Remove the file of the sample.' : `Remove the sample from its file (${file.position}).`,
      commands: [file.isAlone ? `${gitOn(file.path)} rm -- ${quoted(file.path)}` : `$EDITOR ${quoted(file.path)}`],
    })
  if (namedFiles.length > 0)
    steps.push({
      step: 'Remove the files that the sample names, unless other samples name them too.',
      commands: namedFiles.map((path) => `${gitOn(path)} rm -- ${quoted(path)}`),
      note: 'Keep them out of the commands that rewrite the history too, if other samples name them.',
    })
  if (isPinned)
    steps.push({
      step: 'Remove it from the evaluation set.',
      commands: [`sheikh evaluation repin ${reason}`],
      note: 'The record of the repin lists the id under "removed". If the id itself identifies a person, remove it from dataset/evaluation.json by hand.',
    })
  if (startsFrom !== undefined)
    steps.push({
      step: `Remove training.warm_start: it names ${startsFrom}, which was trained on the sample.`,
      commands: ['$EDITOR mlops/training/config.yaml'],
    })
  if (baselines.length > 0)
    steps.push({
      step: 'Accept results without the sample as the baseline, or delete the baseline.',
      commands: baselines.map((path) => `${gitOn(path)} rm -- ${quoted(path)}`),
      note: 'To replace a baseline instead: sheikh gate accept <file> --name <name>. The paths are below the repository’s root.',
    })
  if (steps.length > 0) steps.push({ step: 'Commit.', commands: ['git commit -a -m "Remove a sample"'] })
  return steps
}

function release({ releases, file, use, isPinned, channel }: ForgetFacts): readonly ForgetStep[] {
  const others = [
    ...new Set(releases.filter(({ trainedOn }) => trainedOn !== false).flatMap(({ channels }) => channels)),
  ].filter((name) => name !== channel)
  const isUsed = releases.length > 0 || (file !== undefined && use !== 'absent') || isPinned
  if (!isUsed) return []
  return [
    {
      step: 'Train without the sample. The gate decides as always.',
      commands: ['sheikh run', ...others.map((name) => `sheikh promote <new version> --to ${quoted(name)}`)],
    },
  ]
}

/** The releases that the steps before leave without a channel. The rollback withdraws the one that it leaves. */
function withdraw({ releases, channel, cleanVersion }: ForgetFacts): readonly ForgetStep[] {
  const standing = releases.filter(
    ({ trainedOn, withdrawn, removed, channels }) =>
      trainedOn !== false && !withdrawn && !removed && !(cleanVersion !== undefined && channels.includes(channel)),
  )
  if (standing.length === 0) return []
  const uses = new Set(standing.map(({ trainedOn }) => trainedOn))
  return [
    {
      step: `Withdraw the other releases that ${uses.has('unknown') ? 'were or may have been' : 'were'} trained on the sample, so that none is used again.`,
      commands: standing.map(({ version }) => `sheikh withdraw ${version} ${reason}`),
      note: 'A release that a channel points at is refused: move the channel first.',
    },
  ]
}

function clean({ releases, hasStore, bucket }: ForgetFacts): readonly ForgetStep[] {
  const trained = releases.filter(({ trainedOn, removed }) => trainedOn !== false && !removed)
  const listed = releases.filter(({ record }) => record.length > 0)
  return [
    ...(trained.length === 0
      ? []
      : [
          {
            step: `Remove the files of old releases (trained on the sample, or unknown: ${trained.map(({ version }) => version).join(', ')}).`,
            commands: ['sheikh gc --keep-last 1', 'sheikh gc --keep-last 1 --apply'],
            note: 'Garbage collection keeps the newest release, the best one and those that a channel points at, and removes files, not records. Look at the first answer.',
          },
        ]),
    ...(listed.length === 0
      ? []
      : [
          {
            step: `Decide about the records in the registries: those of ${listed.map(({ version }) => version).join(', ')} contain the id or scores.`,
            commands: [],
            note: 'No command edits the record of a release. Records contain no text of samples.',
          },
        ]),
    ...(hasStore
      ? [
          {
            step: 'Delete the local store with its caches, runs, evaluations and candidates, on every machine and in the caches of CI.',
            commands: ['rm -r .sheikh', ...(bucket === undefined ? [] : bucketCommands(bucket))],
            note: 'It is a cache: releases and the ledger are elsewhere. Runs that wait for approval are lost.',
          },
        ]
      : []),
  ]
}

function rewrite({ blobs, evaluationPath, isPinned }: ForgetFacts): readonly ForgetStep[] {
  const paths = [...new Set(blobs.map(({ path }) => path))]
  if (paths.length === 0) return []
  const shared = paths.filter((path) => blobs.some((blob) => blob.path === path && !blob.isAlone))
  const copies = shared.map((path, index) => ({ path: quoted(path), git: gitOn(path), copy: `../kept-${index + 1}` }))
  return [
    {
      step: 'Rewrite the history in a fresh clone, at the top of the repository. Tell everyone first: all commit ids after the sample change.',
      commands: [
        ...copies.map(({ path, copy }) => `cp -- ${path} ${copy}   # if it still exists`),
        `git filter-repo --invert-paths ${paths.map((path) => `--path=${quoted(path)}`).join(' ')}`,
        ...copies.flatMap(({ path, git, copy }) => [
          `mkdir -p -- "$(dirname -- ${path})" && cp -- ${copy} ${path} && ${git} add -- ${path}`,
        ]),
        ...(copies.length > 0 ? ['git commit -m "Add the samples that stay"'] : []),
        'git remote add origin <address>',
        'git push --force --all && git push --force --tags',
      ],
      note: [
        ...(shared.length > 0
          ? ['These files contain other samples too; their earlier versions are dropped from the history with it.']
          : []),
        ...(isPinned ? [`Earlier versions of ${evaluationPath} keep the id and a digest.`] : []),
        'Releases name commits that no longer exist afterwards: sheikh log, blame and reproduce cannot read them.',
      ].join(' '),
    },
    {
      step: 'Check that no ref contains it any more. Each answer must be empty.',
      commands: [...new Set(blobs.map(({ blob }) => blob))]
        .slice(0, 5)
        .map((blob) => `git log --all --oneline --find-object=${blob}`),
      note: 'Forks and other clones keep the old commits, and GitHub keeps them reachable by id, in pull requests and in caches until its support removes them.',
    },
  ]
}
