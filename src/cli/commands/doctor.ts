import { callContext } from '../../core/index.js'
import type { LfsPointers, PointerCount } from '../../repository/index.js'
import { type Command, toJson } from '../command.js'

export const doctor: Command = {
  name: 'doctor',
  usage: '',
  summary: 'Show which devices can train on this machine, and which files of Git LFS are not fetched',
  options: {},
  optionHelp: {},
  examples: ['sheikh doctor', 'sheikh doctor --json'],
  positionals: [0, 0],
  async run({ project }, { signal }) {
    const { probeDevices } = await import('../../trainer/tfjs/index.js')
    const devices = await probeDevices(callContext({ signal }))
    const lines = devices.map(({ name, ok, reason, versions, gflops, isSoftware }) => {
      const what = Object.entries(versions).map(([of, version]) => `${of} ${version}`)
      return `${name.padEnd(7)} ${ok ? `works   ${gflops} GFLOP/s  ${what.join(', ')}${isSoftware ? ', emulated in software: "auto" skips it' : ''}` : `no      ${reason}`}`
    })
    const { lfsPointersIn } = await import('../../repository/index.js')
    const lfs = await lfsPointersIn(project, { signal })
    const first = devices.find(({ ok, isSoftware }) => ok && isSoftware !== true)
    return {
      text: [
        ...lines,
        first === undefined ? 'No device can train on this machine.' : `"auto" selects ${first.name}.`,
        ...(lfs === undefined ? [] : lfsLines(lfs)),
      ].join('\n'),
      json: toJson({
        devices: devices.map(({ name, ok, reason = null, versions, gflops = null }) => ({
          ...{ name, ok, reason, versions, gflops },
        })),
        lfs: lfs ?? null,
      }),
      exitCode: first === undefined ? 1 : 0,
    }
  },
}

/** What the checkout has as Git LFS pointers, and how to fetch the rest. */
function lfsLines({ data, models }: LfsPointers): readonly string[] {
  const countOf = ({ files, missing, missingBytes, examples }: PointerCount) => {
    const named = examples.length === 0 ? '' : ` (${examples.join(', ')}${missing > examples.length ? ', …' : ''})`
    const fetched =
      missing === 0
        ? 'all are in the store of this clone'
        : `${missing} of them, ${(missingBytes / 1e6).toFixed(1)} MB, are not fetched${named}`
    return `${files} ${files === 1 ? 'file is a Git LFS pointer' : 'files are Git LFS pointers'}; ${fetched}.`
  }
  const line = (title: string, counted: PointerCount) =>
    `${title}: ${countOf(counted)}${counted.missing === 0 ? '' : ' A run fetches what it reads. To fetch all now: git lfs pull'}`
  return [
    ...(data.files === 0 ? [] : [line('Data', data)]),
    ...(models.files === 0 ? [] : [line('Base model', models)]),
  ]
}
