// The programs that this process started, each in a process group of its own. Such a group outlives the process that started it, and
// could occupy a GPU for days.
import { spawn } from 'node:child_process'

const running = new Set<number>()
const watchers = new Set<(pids: readonly number[]) => void>()
const endAll = () => {
  for (const pid of running) signalProgram(pid, 'SIGKILL')
}
const changed = () => {
  for (const watcher of watchers) watcher([...running])
}

/**
 * Kills the program's group when this process exits, unless it is unregistered before. Uses one listener for all programs, and none
 * while nothing runs. If this process is killed, whoever listens with `watchPrograms` has to do it.
 *
 * @returns unregisters the program.
 */
export function registerProgram(pid: number): () => void {
  if (running.size === 0) process.on('exit', endAll)
  running.add(pid)
  changed()
  return () => {
    if (!running.delete(pid)) return
    if (running.size === 0) process.off('exit', endAll)
    changed()
  }
}

/** Calls `watcher` with the ids of all running programs when one starts or ends. */
export function watchPrograms(watcher: (pids: readonly number[]) => void): void {
  watchers.add(watcher)
}

/** Sends a signal to a program and all processes of its group. Does nothing if they have ended. */
export function signalProgram(pid: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    // Windows has neither process groups nor signals, but taskkill follows the process tree.
    if (process.platform === 'win32') spawn('taskkill', ['/pid', String(pid), '/t', '/f'], { stdio: 'ignore' })
    else process.kill(-pid, signal)
  } catch {
    // All processes of the group have ended.
  }
}
