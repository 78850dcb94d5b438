import { callContext } from '../../core/index.js'
import { type Command, toJson } from '../command.js'

export const doctor: Command = {
  name: 'doctor',
  usage: '',
  summary: 'Show which devices can train on this machine, and why others cannot',
  options: {},
  optionHelp: {},
  examples: ['sheikh doctor', 'sheikh doctor --json'],
  positionals: [0, 0],
  async run(_, { signal }) {
    const { probeDevices } = await import('../../trainer/tfjs/index.js')
    const devices = await probeDevices(callContext({ signal }))
    const lines = devices.map(({ name, ok, reason, versions, gflops, isSoftware }) => {
      const what = Object.entries(versions).map(([of, version]) => `${of} ${version}`)
      return `${name.padEnd(7)} ${ok ? `works   ${gflops} GFLOP/s  ${what.join(', ')}${isSoftware ? ', emulated in software: "auto" skips it' : ''}` : `no      ${reason}`}`
    })
    const first = devices.find(({ ok, isSoftware }) => ok && isSoftware !== true)
    return {
      text: [
        ...lines,
        first === undefined ? 'No device can train on this machine.' : `"auto" selects ${first.name}.`,
      ].join('\n'),
      json: toJson({
        devices: devices.map(({ name, ok, reason = null, versions, gflops = null }) => ({
          ...{ name, ok, reason, versions, gflops },
        })),
      }),
      exitCode: first === undefined ? 1 : 0,
    }
  },
}
