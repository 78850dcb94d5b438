import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const paths = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** The program of the browser; `undefined` where it is not installed. */
export const chromiumPath = (): string | undefined => paths.find((path) => existsSync(path))

/** @returns in words why it cannot be had. */
export function setUpChromium(): string | undefined {
  if (chromiumPath() !== undefined) return undefined
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get'))
    return 'Chromium is not installed, or this is not root: apt-get install chromium'
  try {
    execFileSync('apt-get', ['update'], { stdio: 'ignore' })
    execFileSync('apt-get', ['install', '--yes', '--no-install-recommends', 'chromium', 'fonts-dejavu-core'], {
      stdio: 'ignore',
    })
  } catch (error) {
    return `Chromium cannot be installed (${error instanceof Error ? error.message : String(error)})`
  }
  return chromiumPath() === undefined ? 'Chromium was installed, and its program is not there' : undefined
}

/** A browser without a window. As root, Chromium starts only without its sandbox. */
export const openChromium = (): Promise<Browser> =>
  chromium.launch({ executablePath: chromiumPath()!, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] })
