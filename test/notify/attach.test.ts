import { describe, expect, it, vi } from 'vitest'
import { attachNotifiers, type Notification, type NotificationEvent, type Notifier } from '../../src/notify.js'
import { textClassifier, tfjsTrainer } from '../../src/trainer/tfjs/index.js'
import { gate, poison, samples, world } from '../pipeline/harness.js'
import { collectingLog } from './harness.js'

const all: readonly NotificationEvent[] = [
  ...(['training_started', 'training_completed', 'released', 'restored', 'promoted', 'rolled_back'] as const),
  ...(['held', 'awaiting_approval', 'awaiting_release', 'failed', 'validation_failed', 'withdrawn'] as const),
]

/** A notifier that keeps what it is sent. */
function keeping(events: readonly NotificationEvent[] = all) {
  const sent: Notification[] = []
  const notifier: Notifier = {
    name: 'keeping',
    events,
    async notify(notification) {
      sent.push(notification)
      return 'kept'
    },
  }
  return { sent, notifier, take: () => sent.splice(0).map(({ event }) => event) }
}

describe('attachNotifiers', () => {
  it('tells what happened in each run, what the gate found and what to type next', async () => {
    const one = world()
    const { notifier, sent, take } = keeping()
    const pipelineOf = (...parameters: Parameters<typeof one.pipeline>) => {
      const pipeline = one.pipeline(...parameters)
      attachNotifiers(pipeline, [notifier], { project: 'spam', link: 'https://example.org/7' })
      return pipeline
    }
    const first = await pipelineOf().run()
    expect(sent).toMatchObject([
      { event: 'training_started', summary: 'A run is training a candidate.' },
      { event: 'training_completed', project: 'spam', runId: first.runId },
      {
        event: 'released',
        title: 'Released 0.1.0',
        summary: '0.1.0 is published.',
        version: '0.1.0',
        metrics: [expect.stringMatching(/^pass: accuracy is \d/)],
        next: `sheikh report ${first.runId}`,
        link: 'https://example.org/7',
      },
    ])
    expect(new Set(sent.map(({ id }) => id)).size).toBe(3)
    take()

    // Nothing changed: nothing is worth a message.
    await pipelineOf().run()
    expect(take()).toEqual([])

    const held = await pipelineOf(poison('apple', 'pear', 'plum')).run()
    expect(sent.at(-1)).toMatchObject({
      event: 'held',
      summary: expect.stringMatching(/^Nothing was released\. The candidate must not be released/),
      next: `sheikh report ${held.runId}`,
    })
    take()

    const open = await pipelineOf(poison('fig'), { gate: gate('ask', 0.001) }).run()
    expect(open.status).toBe('awaiting-approval')
    expect(sent.at(-1)).toMatchObject({
      event: 'awaiting_approval',
      next: `sheikh approve ${open.runId} --reason "…"`,
    })
    take()

    await pipelineOf(poison('fig'), { gate: gate('ask', 0.001) }).approve(open.runId, {
      by: 'Ada <ada@example.org>',
      reason: 'fine',
    })
    expect(sent).toMatchObject([{ event: 'released', summary: '0.2.0 is published. Decided by Ada.' }])
    take()

    await pipelineOf().promote('0.2.0', { to: 'production', by: 'Ada' })
    expect(sent).toMatchObject([{ event: 'promoted', summary: 'The channel production points at 0.2.0.' }])
    take()

    await pipelineOf().rollback({ to: '0.1.0', by: 'Ada', reason: 'worse for figs' })
    expect(sent).toMatchObject([
      {
        event: 'rolled_back',
        title: 'Rolled back to 0.1.0',
        summary: expect.stringMatching(/^0\.3\.0 is identical to 0\.1\.0\. 0\.2\.0 is withdrawn: worse for figs\./),
      },
    ])
    expect(JSON.stringify(sent)).not.toContain('ada@example.org')
  })

  it('tells of a release that a person withdrew, once', async () => {
    const one = world()
    const { notifier, sent } = keeping()
    await one.pipeline(poison('apple')).run()
    await one.pipeline().run()
    const pipeline = one.pipeline()
    attachNotifiers(pipeline, [notifier], { project: 'spam' })
    for (const by of ['Ada', 'Bo']) await pipeline.withdraw('0.1.0', { by, reason: 'no licence' })
    expect(sent).toMatchObject([{ event: 'withdrawn', summary: '0.1.0 is withdrawn: no licence.' }])
  })

  it('sends a notifier one message at the end: the first event that it asked for', async () => {
    const one = world()
    const [everything, some] = [keeping(), keeping(['validation_failed', 'withdrawn'])]
    await one.pipeline().run()
    const pipeline = one.pipeline(poison('apple', 'pear', 'plum'))
    attachNotifiers(pipeline, [everything.notifier, some.notifier], { project: 'spam' })
    await pipeline.run()
    expect(everything.take()).toEqual(['training_started', 'training_completed', 'held'])
    expect(some.sent).toMatchObject([
      { event: 'validation_failed', summary: expect.stringMatching(/^The candidate must not be released/) },
    ])
  })

  it('survives a log that throws, and sends what follows', async () => {
    const { notifier, take } = keeping(['released'])
    const failing: Notifier = { name: 'failing', events: all, notify: () => Promise.reject(new Error('gone')) }
    const fail = () => {
      throw new Error('the log is full')
    }
    const pipeline = world().pipeline()
    attachNotifiers(pipeline, [failing, notifier], { project: 'spam', log: { debug: fail, info: fail, warn: fail } })
    expect((await pipeline.run()).status).toBe('released')
    expect(take()).toEqual(['released'])
  })

  it('tells of the start of a training once', async () => {
    const trainer = tfjsTrainer(textClassifier({ epochs: 2, buckets: 2 ** 10 }), { device: 'js', thread: 'caller' })
    const { notifier, take } = keeping(['training_started', 'training_completed'])
    const pipeline = world().pipeline(samples, { trainer })
    attachNotifiers(pipeline, [notifier], { project: 'spam' })
    await pipeline.run()
    expect(take()).toEqual(['training_started', 'training_completed'])
    // From the cache.
    await pipeline.run()
    expect(take()).toEqual([])
  })

  it('names the error of a failed run, and repeats no text of its samples', async () => {
    const { notifier, sent } = keeping(['failed', 'validation_failed'])
    const pipeline = world().pipeline([...samples, { id: 'x', text: 'my private text', label: 7 as never }])
    attachNotifiers(pipeline, [notifier], { project: 'spam' })
    await expect(pipeline.run()).rejects.toMatchObject({ code: 'dataset-invalid' })
    expect(sent).toMatchObject([{ event: 'failed', summary: 'The run ended with an error: dataset-invalid.' }])
    expect(JSON.stringify(sent)).not.toContain('private')
  })

  it('says nothing of a run that a person stopped', async () => {
    const { notifier, sent } = keeping()
    const pipeline = world().pipeline()
    attachNotifiers(pipeline, [notifier], { project: 'spam' })
    const run = await pipeline.start()
    run.abort(new Error('stopped'))
    await expect(run.result()).rejects.toThrow('stopped')
    expect(sent.filter(({ event }) => event !== 'training_completed')).toEqual([])
  })

  it('hides secrets in messages', async () => {
    const { notifier, sent } = keeping(['released'])
    const pipeline = world().pipeline()
    attachNotifiers(pipeline, [notifier], { project: 'spam hunter22', secrets: ['hunter22'] })
    await pipeline.run()
    expect(sent).toMatchObject([{ project: 'spam [secret]' }])
  })

  it.each<readonly [string, Notifier['notify'], RegExp]>([
    ['rejects', async () => Promise.reject(new Error('no route, token hunter22')), /no route, token \[secret\]/],
    [
      'throws',
      () => {
        throw new Error('broken')
      },
      /broken/,
    ],
    [
      'hangs, and ignores its signal',
      () => new Promise(() => {}),
      /took longer than 0\.05 s|ended more than 0\.05 s ago/,
    ],
  ])('logs a warning if a notifier %s, and the run and other notifiers go on', async (_, notify, message) => {
    const { log, messages } = collectingLog()
    const { notifier, take } = keeping(['released'])
    const pipeline = world().pipeline()
    attachNotifiers(pipeline, [{ name: 'faulty', events: ['released'], notify }, notifier], {
      ...{ project: 'spam', limitMs: 50, log, secrets: ['hunter22'] },
    })
    expect(await pipeline.run()).toMatchObject({ status: 'released' })
    expect(take()).toEqual(['released'])
    expect(messages).toHaveLength(1)
    expect(messages[0]).toMatch(/^The notification "released" by faulty was not sent: /)
    expect(messages[0]).toMatch(message)
  })

  it('lets the end of a run wait for all of its notifications together, not for each', async () => {
    const { log, messages } = collectingLog()
    const hanging: Notifier = { name: 'hanging', events: all, notify: () => new Promise(() => {}) }
    const pipeline = world().pipeline()
    attachNotifiers(pipeline, [hanging], { project: 'spam', limitMs: 100, log })
    await pipeline.run()
    // All were given up before the result.
    expect(messages).toEqual([
      expect.stringContaining('"training_started" by hanging was not sent: it took longer than 0.1 s'),
      expect.stringContaining('"training_completed" by hanging was not sent'),
      expect.stringContaining('"released" by hanging was not sent'),
    ])
  })

  it("makes the run's result wait until a message is sent, and releases the lock before", async () => {
    const one = world()
    const order: string[] = []
    const pipeline = one.pipeline()
    const slow: Notifier = {
      name: 'slow',
      events: ['released'],
      async notify() {
        // The next run can start: nobody holds the lock while messages are sent.
        const next = () => one.pipeline().run()
        await vi.waitFor(next, 60_000)
        order.push('sent')
        return ''
      },
    }
    attachNotifiers(pipeline, [slow], { project: 'spam' })
    await pipeline.run()
    order.push('result')
    expect(order).toEqual(['sent', 'result'])
  })

  it('sends nothing once it is detached', async () => {
    const { notifier, sent } = keeping()
    const pipeline = world().pipeline()
    attachNotifiers(pipeline, [notifier], { project: 'spam' })()
    await pipeline.run()
    expect(sent).toEqual([])
  })
})
