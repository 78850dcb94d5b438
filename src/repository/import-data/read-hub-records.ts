import { rm } from 'node:fs/promises'
import { type CallContext, SheikhError } from '../../core/index.js'
import { type CsvOptions, type SourceSample, samplesOf } from '../../dataset/index.js'
import { temporaryFolder } from '../../store/index.js'
import { formatHubData, isPinned, parseHubData } from '../config/index.js'
import type { EnvironmentVariables } from '../git/index.js'
import { hubConnection } from '../hub-id.js'
import { maximumRecords } from './read-whole.js'

/** The records of a dataset on the Hub. */
export interface HubRecords {
  /** The address with the commit that was read. */
  readonly source: string
  /** The name of the dataset, without its owner. */
  readonly name: string
  readonly samples: readonly SourceSample[]
}

export interface ReadHubOptions {
  readonly environment: EnvironmentVariables
  readonly csv?: CsvOptions | undefined
  /** Of all files, before and after unpacking. */
  readonly maximumBytes: number
}

/**
 * Reads a dataset of the Hub: `hf:datasets/owner/name@revision/files?config=…&split=…`. The files are downloaded into a temporary
 * folder.
 *
 * @throws `invalid-options` for another address; `dataset-invalid` if the dataset is too large; as `hubSamples`.
 */
export async function readHubRecords(
  text: string,
  { environment, csv, maximumBytes }: ReadHubOptions,
  context: CallContext,
): Promise<HubRecords> {
  const address = parseHubData(text)
  if (typeof address === 'string')
    throw new SheikhError('invalid-options', `Cannot import the data: "${text}" ${address}. Correct the address.`)
  const refuse = (fact: string) =>
    new SheikhError(
      'dataset-invalid',
      `Cannot import ${text}: ${fact}. Name some of its files, or a split, or read the dataset from the Hub in every run: samples: ${text} in dataset/config.yaml, then: sheikh data pin`,
      { facts: { source: text } },
    )
  const { hubCommit, hubSamples } = await import('../../releaser/huggingface/index.js')
  const connection = { ...hubConnection(environment), repository: address.repository }
  const revision = isPinned(address) ? address.revision : await hubCommit({ ...connection, ...address }, context)
  const directory = await temporaryFolder('sheikh-import-')
  try {
    const limits = { maximumFileBytes: maximumBytes, maximumSampleBytes: maximumBytes }
    const source = hubSamples({ ...connection, ...address, revision, csv, directory, ...limits })
    const entries = await source.list(context)
    const sizeBytes = entries.reduce((sum, entry) => sum + (entry.sizeBytes ?? 0), 0)
    if (sizeBytes > maximumBytes) throw refuse(`its files have ${sizeBytes} bytes, but the maximum is ${maximumBytes}`)
    const samples: SourceSample[] = []
    for (const entry of entries) {
      const found = await samplesOf(entry, context, maximumRecords + 1 - samples.length)
      for (const one of found) samples.push({ ...one, position: `${entry.path} ${one.position}`.trimEnd() })
      if (samples.length > maximumRecords)
        throw refuse(`it has more than ${maximumRecords.toLocaleString('en')} records`)
    }
    const [, , name] = address.repository.split('/')
    return { source: formatHubData({ ...address, revision }), name: name!, samples }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
