import { digestJson, hexOf, type Json, toJson } from '../../core/index.js'
import type { PendingRelease } from '../releaser.js'
import { type Statement, statementType } from './statement.js'

/** What `buildDefinition` of our statements means: docs/signatures.md. */
export const buildType = 'https://sheikh-freemium/release/v1'
/** The `predicateType` of our statements. */
export const provenanceType = 'https://slsa.dev/provenance/v1'

export interface ProvenanceOptions {
  /** The URI of what ran it and is believed for it: a workflow, a machine. */
  readonly builderId: string
  /** npm packages by name, resolved; beside those that the trainer recorded. */
  readonly packages?: Readonly<Record<string, string>> | undefined
  /** The repository that the commit is in, without credentials: `https://example.com/team/model`. */
  readonly repositoryUrl?: string | undefined
  /** Milliseconds since 1970, UTC. */
  readonly startedAtMs?: number | undefined
  readonly finishedAtMs: number
}

/**
 * How a bundle came to be: an in-toto statement with SLSA provenance 1 (https://slsa.dev/spec/v1.0/provenance).
 *
 * Of rows and of reasons that people gave it holds nothing. Equal input gives equal bytes.
 */
export function provenanceOf(pending: PendingRelease, options: ProvenanceOptions): Statement {
  const { manifest, version, postPublish, record } = pending
  const { trainer, seed, trainingDigest, environment, base, releases } = record.candidate ?? {}
  const fingerprint = record.dataset?.fingerprint
  const packages: Readonly<Record<string, string>> = { ...environment?.packages, ...options.packages }
  return {
    _type: statementType,
    subject: manifest.files.map(({ path, digest }) => ({ name: path, digest: { sha256: hexOf(digest) } })),
    predicateType: provenanceType,
    predicate: {
      buildDefinition: toJson({
        buildType,
        // What people decided.
        externalParameters: {
          version,
          channel: postPublish.channel,
          commit: record.commit,
          sourceKey: postPublish.sourceKey,
          restoredFrom: record.restoredFrom,
          candidate: record.candidate === undefined ? undefined : { trainer, seed, trainingDigest, base, releases },
          dataset: fingerprint,
          evaluation: record.evaluationDigest,
        },
        // What the machine added.
        internalParameters: { device: environment?.device },
        resolvedDependencies: [
          ...commitOf(record.commit, options.repositoryUrl),
          ...(fingerprint === undefined ? [] : [{ name: 'dataset', digest: { merkleSha256: hexOf(fingerprint) } }]),
          ...(base === undefined ? [] : [{ name: `base ${base.version}`, digest: { sha256: hexOf(base.digest) } }]),
          ...(releases ?? []).map(({ version, digest }) => ({
            name: `release ${version}`,
            digest: { sha256: hexOf(digest) },
          })),
          ...Object.keys(packages)
            .sort()
            .map((name) => ({ name: `${name}@${packages[name]}`, uri: purlOf(name, packages[name]!) })),
        ],
      }),
      runDetails: toJson({
        builder: { id: options.builderId },
        metadata: {
          invocationId: record.runId,
          startedOn: options.startedAtMs === undefined ? undefined : timeOf(options.startedAtMs),
          finishedOn: timeOf(options.finishedAtMs),
        },
        byproducts: [
          ...byproduct('verdict', record.verdict, ['status']),
          ...byproduct('approval', record.approval, ['by']),
          ...byproduct('override', record.override, ['by', 'untilMs']),
        ],
      }),
    },
  }
}

function commitOf(commit: string | undefined, repositoryUrl: string | undefined): readonly Json[] {
  if (commit === undefined) return []
  const uri = repositoryUrl === undefined ? {} : { uri: `git+${repositoryUrl}@${commit}` }
  return [{ name: 'repository', ...uri, digest: { gitCommit: commit } }]
}

/** A package URL (ECMA-427): the scope's `@` is encoded, its `/` is not. */
function purlOf(name: string, version: string): string {
  return `pkg:npm/${name.split('/').map(encodeURIComponent).join('/')}@${encodeURIComponent(version)}`
}

/** The digest that the ledger has of the verdict, too, and of the value no more than the members named. */
function byproduct(name: string, value: object | undefined, shown: readonly string[]): readonly Json[] {
  if (value === undefined) return []
  const annotations = Object.fromEntries(Object.entries(value).filter(([key]) => shown.includes(key)))
  return [{ name, mediaType: 'application/json', digest: { sha256: hexOf(digestJson(value)) }, annotations }]
}

const timeOf = (ms: number) => new Date(ms).toISOString()
