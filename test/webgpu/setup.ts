// npm run setup:webgpu: a GPU in software, SwiftShader, for machines that have none: the one that Debian's chromium carries.
// The tests find it by themselves. Says why it cannot be done, and ends with 0.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { softwareDriver } from './software-driver.js'

const longestMs = 300_000
const folder = dirname(softwareDriver)
/** In the package: the driver, and the file that names it to Vulkan. */
const files = ['libvk_swiftshader.so', basename(softwareDriver)]

const reason = setUp()
console.log(reason === undefined ? `There: ${softwareDriver}` : `Skipped: ${reason}`)

function setUp(): string | undefined {
  if (process.platform !== 'linux' || !existsSync('/usr/bin/apt-get'))
    return 'this is not Debian. Any driver for Vulkan, Metal or Direct3D 12 does'
  const hasLoader = spawnSync('ldconfig', ['-p'], { encoding: 'utf8' }).stdout?.includes('libvulkan.so.1')
  if (existsSync(softwareDriver) && hasLoader) return undefined
  if (!hasLoader && process.getuid?.() !== 0)
    return 'libvulkan1 is not installed. Install it: sudo apt-get install libvulkan1'
  const work = mkdtempSync(join(tmpdir(), 'sheikh-webgpu-'))
  try {
    return (
      (process.getuid?.() === 0 ? run('apt-get', ['update']) : undefined) ??
      (hasLoader ? undefined : run('apt-get', ['install', '--yes', '--no-install-recommends', 'libvulkan1'])) ??
      run('apt-get', ['download', 'chromium-common'], work) ??
      unpack(work)
    )
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function unpack(work: string): string | undefined {
  const archive = readdirSync(work).find((name) => name.endsWith('.deb'))
  if (archive === undefined) return 'apt-get fetched nothing'
  const failed = run('dpkg-deb', ['--extract', archive, 'content'], work)
  if (failed !== undefined) return failed
  mkdirSync(folder, { recursive: true })
  return run('cp', [...files.map((name) => join(work, 'content/usr/lib/chromium', name)), folder])
}

/** @returns in words why it failed. */
function run(program: string, parts: readonly string[], cwd?: string): string | undefined {
  const { error, status, stderr } = spawnSync(program, parts, { cwd, encoding: 'utf8', timeout: longestMs })
  if (error !== undefined) return error.message
  return status === 0 ? undefined : `${program} ended with ${status}: ${stderr.trim().split('\n').at(-1)}`
}
