// Renders prompts by @huggingface/jinja. Argument: the number of samples.
import process from 'node:process'
import { Template } from '@huggingface/jinja'
import { measure, template } from './chat-prompts.mjs'

const parsed = new Template(template)
await measure(Number(process.argv[2]), (samples) => samples.map((sample) => parsed.render(sample)))
