const parameters = {
  type: 'object',
  properties: {
    city: { type: 'string', description: 'A city' },
    days: { type: 'integer' },
    unit: { type: 'string', enum: ['c', 'f'] },
  },
  required: ['city'],
}
const weather = {
  type: 'function',
  function: { name: 'get_weather', description: 'Weather <now> & "später"', parameters, return: { type: 'number' } },
}
const answer = { city: 'Köln', days: 2, ok: true, none: null, ratio: 1.5 }
const toolCall = { id: 'abcdefghi', type: 'function', function: { name: 'get_weather', arguments: answer } }
const tokens = { bos_token: '<s>', eos_token: '</s>', unk_token: '<unk>', pad_token: '<pad>' }

/** What chat templates are given: one message, several turns, tools and their answers, images, and an order that many refuse. */
export const conversations: readonly Readonly<Record<string, unknown>>[] = [
  { messages: [{ role: 'user', content: 'Hello' }], add_generation_prompt: true },
  {
    messages: [
      { role: 'system', content: '  You are helpful.\n' },
      { role: 'user', content: ' Hi 👋 ' },
      { role: 'assistant', content: '<think>\nhm\n</think>\n\nHello!\n' },
      { role: 'user', content: '1 + 1?' },
    ],
    add_generation_prompt: true,
  },
  {
    messages: [
      { role: 'user', content: 'a' },
      { role: 'assistant', content: 'b' },
    ],
    add_generation_prompt: false,
  },
  {
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Weather in Köln?' },
      { role: 'assistant', content: '', tool_calls: [toolCall] },
      { role: 'tool', tool_call_id: 'abcdefghi', name: 'get_weather', content: '{"t": 21.5}' },
      { role: 'assistant', content: '21.5 °C' },
      { role: 'user', content: 'Thanks\n' },
    ],
    tools: [weather],
    add_generation_prompt: true,
  },
  {
    messages: [{ role: 'user', content: 'What time is it?' }],
    tools: [weather],
    add_generation_prompt: true,
    enable_thinking: false,
  },
  {
    messages: [
      { role: 'user', content: [{ type: 'image' }, { type: 'text', text: 'Describe' }] },
      { role: 'assistant', content: [{ type: 'text', text: 'A cat' }] },
    ],
    add_generation_prompt: false,
  },
  {
    messages: [
      { role: 'assistant', content: 'x' },
      { role: 'assistant', content: 'y' },
    ],
    add_generation_prompt: true,
  },
].map((conversation) => ({ ...tokens, ...conversation }))
